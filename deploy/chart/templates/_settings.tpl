{{/* Questions about the settings; each answers with "true" or nothing. */}}

{{- define "lynceus.ownStore" -}}
{{- if dig "store" "url" "" .Values.settings -}}true{{- end -}}
{{- end -}}

{{- define "lynceus.several" -}}
{{- if gt (int .Values.replicas) 1 -}}true{{- end -}}
{{- end -}}

{{/* Whether the pod calls the API server of its own cluster: to watch it, for Leases, or for Argo CD's secrets. */}}
{{- define "lynceus.callsOwnCluster" -}}
{{- if or .Values.ownCluster.watch .Values.serviceAccount.automount (include "lynceus.several" .) (dig "discovery" "argocd_namespace" "" .Values.settings) -}}
true
{{- end -}}
{{- end -}}

{{- define "lynceus.isStatefulSet" -}}
{{- if and (include "lynceus.several" .) .Values.persistence.enabled -}}true{{- end -}}
{{- end -}}

{{/* Whether everyone who reaches the port reads: the user chose it, in words. */}}
{{- define "lynceus.isOpen" -}}
{{- if dig "http" "open" false .Values.settings -}}true{{- end -}}
{{- end -}}

{{- define "lynceus.accessSecret" -}}
{{- if .Values.access.existingSecret -}}
{{- .Values.access.existingSecret -}}
{{- else if .Values.access.tokens -}}
{{- include "lynceus.name" . }}-access
{{- end -}}
{{- end -}}

{{/* Files of tokens: one on the volume, which `lynceus token create` writes, unless each replica would have another; and the Secret. */}}
{{- define "lynceus.tokenFiles" -}}
{{- if not (include "lynceus.several" .) }}
- /var/lib/lynceus/data/tokens.yaml
{{- end }}
{{- if include "lynceus.accessSecret" . }}
- /etc/lynceus/access/tokens.yaml
{{- end }}
{{- end -}}

{{/* The settings as YAML: what the chart knows, and over it what the user wrote. */}}
{{- define "lynceus.settings" -}}
{{- $made := dict "data_dir" "/var/lib/lynceus/data" "http" (dict "listen" "0.0.0.0:8470") -}}
{{- $isOpen := include "lynceus.isOpen" . -}}
{{- if not $isOpen -}}
{{- $_ := set $made "access" (dict "token_files" (include "lynceus.tokenFiles" . | fromYamlArray)) -}}
{{- end -}}
{{- if not (include "lynceus.ownStore" .) -}}
{{- $embedded := dict "listen" "0.0.0.0:8471" -}}
{{- if $isOpen -}}
{{- $_ := set $embedded "reader_token_file" "/var/lib/lynceus/reader.token" -}}
{{- end -}}
{{- $_ := set $made "embedded" $embedded -}}
{{- else if .Values.store.existingSecret -}}
{{- $_ := set $made "store" (dict "password_file" "/etc/lynceus/store/password") -}}
{{- end -}}
{{- $user := deepCopy .Values.settings -}}
{{- if .Values.ownCluster.watch -}}
{{- $own := dict "name" .Values.ownCluster.name -}}
{{- with .Values.controllerNamespaces -}}
{{- $_ := set $own "controller_namespace" (first .) -}}
{{- end -}}
{{- $_ := set $user "clusters" (prepend (default list $user.clusters) $own) -}}
{{- end -}}
{{- toYaml (mergeOverwrite $made $user) -}}
{{- end -}}

{{/* What takes effect without a restart is not in the sum that restarts the pod (docs/operate/clusters.md). */}}
{{- define "lynceus.checksum" -}}
{{- $settings := omit (include "lynceus.settings" . | fromYaml) "clusters" "cluster_defaults" "match" "discovery" -}}
{{- printf "%s%s" (toYaml $settings) (toYaml .Values.files) | sha256sum -}}
{{- end -}}

{{/* Values that fit the schema and still make no sense together. */}}
{{- define "lynceus.check" -}}
{{- if and (include "lynceus.several" .) (not (include "lynceus.ownStore" .)) -}}
{{- fail "replicas: more than one needs settings.store.url, a ClickHouse that they share; the embedded store has one owner" -}}
{{- end -}}
{{- if not (or .Values.persistence.enabled (include "lynceus.ownStore" .)) -}}
{{- fail "persistence.enabled: the embedded store would end with its pod; keep a volume, or set settings.store.url" -}}
{{- end -}}
{{- if and .Values.store.existingSecret (not (include "lynceus.ownStore" .)) -}}
{{- fail "store.existingSecret: is the password of settings.store.url, which is not set" -}}
{{- end -}}
{{- $isOtherwise := or (include "lynceus.isOpen" .) (dig "access" "token_files" "" .Values.settings) (dig "access" "proxy" "" .Values.settings) (dig "http" "tls" "client_ca" "" .Values.settings) -}}
{{- if and (include "lynceus.several" .) (not (or (include "lynceus.accessSecret" .) $isOtherwise)) -}}
{{- fail "access.existingSecret: several replicas need a Secret with tokens; a token that one of them made would be unknown to the others" -}}
{{- end -}}
{{- if and .Values.access.existingSecret .Values.access.tokens -}}
{{- fail "access.tokens: give either a Secret of your own or the text, not both" -}}
{{- end -}}
{{- if and .Values.persistence.existingClaim (include "lynceus.several" .) -}}
{{- fail "persistence.existingClaim: is for one replica; each of several has a claim of its own" -}}
{{- end -}}
{{- end -}}
