{{/* What every pod of this chart has in common: no rights, settings from the ConfigMap, secrets by reference. */}}

{{- define "postback-worker.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  {{- with .Values.userId }}
  runAsUser: {{ int64 . }}
  runAsGroup: {{ int64 . }}
  fsGroup: {{ int64 . }}
  {{- end }}
  seccompProfile:
    type: RuntimeDefault
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.hostAliases }}
hostAliases:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.dnsConfig }}
dnsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Whose the pods are; empty where it is the namespace's own account. */}}
{{- define "postback-worker.account" -}}
{{ .Values.serviceAccount.name | default (ternary (include "postback-worker.fullname" .) "" .Values.serviceAccount.create) }}
{{- end -}}

{{- define "postback-worker.container.image" -}}
image: {{ include "postback-worker.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- end -}}

{{- define "postback-worker.container.rights" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end -}}

{{/* What the program reads of its environment; further variables may follow. */}}
{{- define "postback-worker.container.env" -}}
{{- with .Values.envFrom -}}
envFrom:
  {{- toYaml . | nindent 2 }}
{{ end -}}
env:
  - name: POSTBACK_CONFIG
    value: /etc/postback-worker/config/config.toml
  {{- if .Values.secrets }}
  - name: POSTBACK_SECRETS_DIR
    value: /etc/postback-worker/secrets
  {{- end }}
  {{- with .Values.env }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{- define "postback-worker.container.mounts" -}}
- name: config
  mountPath: /etc/postback-worker/config
  readOnly: true
{{- if .Values.secrets }}
- name: secrets
  mountPath: /etc/postback-worker/secrets
  readOnly: true
{{- end }}
{{- if include "postback-worker.references" .Values.settings | fromJson }}
- name: from
  mountPath: /etc/postback-worker/from
  readOnly: true
{{- end }}
- name: tmp
  mountPath: /tmp
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* `root` is the chart's, `config` the name of the ConfigMap. */}}
{{- define "postback-worker.volumes" -}}
- name: config
  configMap:
    name: {{ .config }}
{{- with .root.Values.secrets }}
- name: secrets
  projected:
    defaultMode: 288 # 0440
    sources:
    {{- range . }}
      - secret:
          name: {{ .name }}
          optional: {{ .optional | default false }}
    {{- end }}
{{- end }}
{{- with include "postback-worker.references" .root.Values.settings | fromJson }}
- name: from
  projected:
    defaultMode: 288 # 0440
    sources:
    {{- range . }}
      - secret:
          name: {{ .fromSecret }}
          items:
            - key: {{ .key | quote }}
              path: {{ printf "%s/%s" .fromSecret .key | quote }}
    {{- end }}
{{- end }}
- name: tmp
  emptyDir:
    sizeLimit: {{ .root.Values.temporarySize }}
{{- with .root.Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}
