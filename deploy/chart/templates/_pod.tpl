{{/* The pod, and the claim of its volume. */}}

{{- define "lynceus.claim" -}}
accessModes: [ReadWriteOnce]
{{- with .Values.persistence.storageClass }}
storageClassName: {{ . }}
{{- end }}
resources: {requests: {storage: {{ .Values.persistence.size }}}}
{{- end -}}

{{- define "lynceus.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10470
runAsGroup: 10470
fsGroup: 10470
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "lynceus.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* A probe has no certificate of a client: where one is required, only the port is tried. */}}
{{- define "lynceus.probe" -}}
{{- $tls := dig "http" "tls" dict .root.Values.settings -}}
{{- if $tls.client_ca -}}
tcpSocket: {port: http}
{{- else -}}
httpGet: {path: {{ .path }}, port: http{{ if $tls.cert }}, scheme: HTTPS{{ end }}}
{{- end }}
periodSeconds: 10
timeoutSeconds: 5
{{- end -}}

{{- define "lynceus.pod" -}}
serviceAccountName: {{ include "lynceus.account" . }}
automountServiceAccountToken: {{ eq (include "lynceus.callsOwnCluster" .) "true" }}
enableServiceLinks: false
terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext: {{- include "lynceus.podSecurity" . | nindent 2 }}
containers:
  - name: lynceus
    image: {{ include "lynceus.image" . }}
    imagePullPolicy: {{ .Values.image.pullPolicy }}
    ports:
      - {name: http, containerPort: 8470}
      {{- if not (include "lynceus.ownStore" .) }}
      - {name: store, containerPort: 8471}
      {{- end }}
    env:
      # For commands by kubectl exec.
      - {name: LYNCEUS_CONFIG, value: /etc/lynceus/lynceus.yaml}
      {{- if .Values.extraCA.configMap }}
      # Beside the folder of the system's own authorities, which stays in force.
      - {name: SSL_CERT_FILE, value: /etc/lynceus/ca/ca.crt}
      {{- end }}
      {{- with .Values.extraEnv }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
    securityContext: {{- include "lynceus.containerSecurity" . | nindent 6 }}
    resources: {{- toYaml .Values.resources | nindent 6 }}
    livenessProbe: {{- include "lynceus.probe" (dict "root" . "path" "/healthz") | nindent 6 }}
    readinessProbe: {{- include "lynceus.probe" (dict "root" . "path" "/readyz") | nindent 6 }}
    volumeMounts:
      - {name: settings, mountPath: /etc/lynceus, readOnly: true}
      - {name: data, mountPath: /var/lib/lynceus}
      - {name: tmp, mountPath: /tmp}
      {{- if .Values.kubeconfigs.existingSecret }}
      - {name: kubeconfigs, mountPath: /var/run/lynceus/kubeconfigs, readOnly: true}
      {{- end }}
      {{- with .Values.extraVolumeMounts }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
volumes: {{- include "lynceus.volumes" . | nindent 2 }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- if .Values.affinity }}
affinity: {{- toYaml .Values.affinity | nindent 2 }}
{{- else if include "lynceus.several" . }}
affinity:
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels: {{- include "lynceus.selector" . | nindent 14 }}
{{- end }}
{{- with .Values.topologySpreadConstraints }}
topologySpreadConstraints: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "lynceus.volumes" -}}
# One volume of several sources: a mount inside of a mounted ConfigMap is not to be made.
- name: settings
  projected:
    defaultMode: 0440
    sources:
      - configMap: {name: {{ include "lynceus.name" . }}}
      {{- with include "lynceus.accessSecret" . }}
      - secret: {name: {{ . }}, items: [{key: {{ ternary $.Values.access.key "tokens.yaml" (not (empty $.Values.access.existingSecret)) }}, path: access/tokens.yaml}]}
      {{- end }}
      {{- with .Values.store.existingSecret }}
      - secret: {name: {{ . }}, items: [{key: {{ $.Values.store.key }}, path: store/password}]}
      {{- end }}
      {{- with .Values.extraCA.configMap }}
      - configMap: {name: {{ . }}, items: [{key: {{ $.Values.extraCA.key }}, path: ca/ca.crt}]}
      {{- end }}
{{- if not (include "lynceus.isStatefulSet" .) }}
- name: data
  {{- if .Values.persistence.existingClaim }}
  persistentVolumeClaim: {claimName: {{ .Values.persistence.existingClaim }}}
  {{- else if .Values.persistence.enabled }}
  persistentVolumeClaim: {claimName: {{ include "lynceus.name" . }}}
  {{- else }}
  # The spool. What a pod that is deleted had not sent is watched again, from the position that the store has.
  emptyDir: {sizeLimit: {{ .Values.spoolSizeLimit }}}
  {{- end }}
{{- end }}
- name: tmp
  emptyDir: {sizeLimit: 1Gi}
{{- with .Values.kubeconfigs.existingSecret }}
- name: kubeconfigs
  secret: {secretName: {{ . }}, defaultMode: 0440}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}
