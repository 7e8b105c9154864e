{{/* Names and labels. */}}

{{- define "postback-worker.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains "postback-worker" .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-postback-worker" (.Release.Name | trunc 34 | trimSuffix "-") -}}
{{- end -}}
{{- end -}}

{{/* What finds the pods of this release: all of them, whatever they are for. */}}
{{- define "postback-worker.release" -}}
app.kubernetes.io/name: postback-worker
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* What finds the workers alone. */}}
{{- define "postback-worker.selector" -}}
{{ include "postback-worker.release" . }}
app.kubernetes.io/component: worker
{{- end -}}

{{/* What finds the console alone. */}}
{{- define "postback-worker.console" -}}
{{ include "postback-worker.release" . }}
app.kubernetes.io/component: console
{{- end -}}

{{/* The labels of an object; `component` where it has one. */}}
{{- define "postback-worker.labels" -}}
{{ include "postback-worker.release" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name (.Chart.Version | replace "+" "_") }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "postback-worker.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ printf "%s@%s" .repository .digest }}
{{- else -}}
{{ printf "%s:%s" .repository (.tag | default $.Chart.AppVersion) }}
{{- end -}}
{{- end -}}
{{- end -}}
