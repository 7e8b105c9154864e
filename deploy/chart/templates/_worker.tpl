{{/* The pod of a worker, for the Deployment and the StatefulSet. */}}

{{- define "postback-worker.worker" -}}
metadata:
  labels:
    {{- include "postback-worker.selector" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    {{- /* Each once: what is given wins. */}}
    {{- $ours := dict "checksum/config" (include "postback-worker.config" . | sha256sum) }}
    {{- if not .Values.podMonitor.enabled }}
    {{- $scrape := dict "prometheus.io/scrape" "true" "prometheus.io/path" "/metrics" "prometheus.io/port" (include "postback-worker.port" .) }}
    {{- $ours = merge $ours $scrape }}
    {{- end }}
    {{- merge (dict) (.Values.podAnnotations | default dict) $ours | toYaml | nindent 4 }}
spec:
  {{- include "postback-worker.pod" . | nindent 2 }}
  {{- with include "postback-worker.account" . }}
  serviceAccountName: {{ . }}
  {{- end }}
  # Above the drain (drain_timeout) and what leaving the group and the last publishes may take after it.
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds | default (include "postback-worker.grace" .) }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if .Values.spread.enabled }}
  topologySpreadConstraints:
    {{- range .Values.spread.topologyKeys }}
    - maxSkew: 1
      topologyKey: {{ . }}
      whenUnsatisfiable: {{ $.Values.spread.whenUnsatisfiable }}
      labelSelector:
        matchLabels:
          {{- include "postback-worker.selector" $ | nindent 10 }}
      matchLabelKeys: [{{ ternary "controller-revision-hash" "pod-template-hash" $.Values.staticMembership.enabled }}]
    {{- end }}
  {{- end }}
  {{- with .Values.initContainers }}
  initContainers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: worker
      {{- include "postback-worker.container.image" . | nindent 6 }}
      {{- with .Values.only }}
      args: [run, --only, {{ join "," . | quote }}]
      {{- else }}
      args: [run]
      {{- end }}
      {{- include "postback-worker.container.env" . | nindent 6 }}
        {{- if .Values.staticMembership.enabled }}
        - name: POSTBACK_KAFKA__PROPERTIES__GROUP_INSTANCE_ID
          valueFrom:
            fieldRef:
              fieldPath: metadata.name
        {{- end }}
      ports:
        - name: http
          containerPort: {{ include "postback-worker.port" . }}
      # The process alone: neither Kafka nor the partner can make it restart.
      startupProbe:
        httpGet:
          path: /livez
          port: http
        periodSeconds: 2
        failureThreshold: 30
      livenessProbe:
        httpGet:
          path: /livez
          port: http
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 3
      readinessProbe:
        httpGet:
          path: /readyz
          port: http
        periodSeconds: 5
        timeoutSeconds: 5
      # No limit of CPU: a throttled worker misses the group's heartbeats.
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      {{- include "postback-worker.container.rights" . | nindent 6 }}
      {{- with .Values.lifecycle }}
      lifecycle:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      volumeMounts:
        {{- include "postback-worker.container.mounts" . | nindent 8 }}
    {{- with .Values.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  volumes:
    {{- include "postback-worker.volumes" (dict "root" . "config" (include "postback-worker.fullname" .)) | nindent 4 }}
{{- end -}}
