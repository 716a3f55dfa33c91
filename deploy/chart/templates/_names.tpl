{{/* Names and labels that several objects share. */}}

{{- define "lynceus.name" -}}
{{- $name := ternary .Release.Name (printf "%s-lynceus" .Release.Name) (contains "lynceus" .Release.Name) -}}
{{- default $name .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{/* ClusterRoles have no namespace: two releases of one name must not share them. */}}
{{- define "lynceus.clusterName" -}}
{{- printf "%s-%s-reader" .Release.Namespace (include "lynceus.name" .) -}}
{{- end -}}

{{- define "lynceus.account" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "lynceus.name" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "lynceus.selector" -}}
app.kubernetes.io/name: lynceus
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "lynceus.labels" -}}
{{ include "lynceus.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- with .Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "lynceus.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ printf "%s@%s" .repository .digest }}
{{- else -}}
{{ printf "%s:%s" .repository (default $.Chart.AppVersion .tag) }}
{{- end -}}
{{- end -}}
{{- end -}}
