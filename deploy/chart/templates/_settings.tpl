{{/* The settings as the TOML file that the workers read, and the Secrets that it names. */}}

{{/* One value; whole numbers, which Helm has as floats, without a point. */}}
{{- define "postback-worker.toml.value" -}}
{{- if kindIs "float64" . -}}
{{- if eq (floor .) . }}{{ int64 . }}{{ else }}{{ . }}{{ end -}}
{{- else if kindIs "slice" . -}}
{{- $items := list -}}
{{- range . }}{{ $items = append $items (include "postback-worker.toml.value" .) }}{{ end -}}
[{{ join ", " $items }}]
{{- else if kindIs "string" . -}}
{{ toRawJson . }}
{{- else -}}
{{ . }}
{{- end -}}
{{- end -}}

{{- define "postback-worker.toml.key" -}}
{{- if regexMatch "^[A-Za-z0-9_-]+$" . }}{{ . }}{{ else }}{{ toRawJson . }}{{ end -}}
{{- end -}}

{{/* Where a key of a Secret is mounted. */}}
{{- define "postback-worker.secret.file" -}}
/etc/postback-worker/from/{{ .fromSecret }}/{{ .key }}
{{- end -}}

{{/*
A line for a value from a Secret. A setting that is a path of a file gets the path; any other is read from the
file (`X_file` for `X`), which the worker looks at again. Properties of Kafka's client are taken in capitals and with
_ for a dot, too.
*/}}
{{- define "postback-worker.toml.secret" -}}
{{- $is_path := or (hasSuffix "_file" .name) (regexMatch "(?i)^s(sl|asl)[._].*[._](file|location)$" .name) -}}
{{- $name := ternary .name (printf "%s_file" .name) $is_path -}}
{{ include "postback-worker.toml.key" $name }} = {{ include "postback-worker.secret.file" .value | toRawJson }}
{{- end -}}

{{/* A table with all that is in it: `table` is the map, `path` the keys that lead to it. */}}
{{- define "postback-worker.toml" -}}
{{- $lines := list -}}
{{- $tables := list -}}
{{- $path := .path -}}
{{- range $name, $value := .table -}}
{{- if kindIs "invalid" $value -}}
{{- else if not (kindIs "map" $value) -}}
{{- $lines = printf "%s = %s" (include "postback-worker.toml.key" $name) (include "postback-worker.toml.value" $value) | append $lines -}}
{{- else if hasKey $value "fromSecret" -}}
{{- $lines = include "postback-worker.toml.secret" (dict "name" $name "value" $value) | append $lines -}}
{{- else if $value -}}
{{- $inner := include "postback-worker.toml.key" $name | append $path -}}
{{- $tables = include "postback-worker.toml" (dict "table" $value "path" $inner) | append $tables -}}
{{- end -}}
{{- end -}}
{{- if and $path $lines }}{{ $lines = printf "[%s]" (join "." $path) | prepend $lines }}{{ end -}}
{{- $blocks := list -}}
{{- if $lines }}{{ $blocks = join "\n" $lines | append $blocks }}{{ end -}}
{{- range $tables }}{{ if . }}{{ $blocks = append $blocks . }}{{ end }}{{ end -}}
{{ join "\n\n" $blocks }}
{{- end -}}

{{/* The settings that the workers get: those given, and those that follow from other values. */}}
{{- define "postback-worker.settings" -}}
{{- $settings := deepCopy .Values.settings -}}
{{- if .Values.staticMembership.enabled -}}
{{- $wait := include "postback-worker.seconds" .Values.staticMembership.sessionTimeout | float64 | mulf 1000 | int64 -}}
{{- $kafka := get $settings "kafka" | default dict -}}
{{- $properties := merge (get $kafka "properties" | default dict) (dict "session.timeout.ms" $wait) -}}
{{- $_ := set $settings "kafka" (merge (dict "properties" $properties) $kafka) -}}
{{- end -}}
{{ toJson $settings }}
{{- end -}}

{{- define "postback-worker.config" -}}
{{ include "postback-worker.toml" (dict "table" (include "postback-worker.settings" . | fromJson) "path" list) }}
{{- end -}}

{{/* Every key of a Secret that the settings name, once each: a map from `SECRET/KEY` to both. */}}
{{- define "postback-worker.references" -}}
{{- $found := dict -}}
{{- range . -}}
{{- if not (kindIs "map" .) -}}
{{- else if hasKey . "fromSecret" -}}
{{- $_ := set $found (printf "%s/%s" .fromSecret .key) . -}}
{{- else -}}
{{- $found = merge $found (include "postback-worker.references" . | fromJson) -}}
{{- end -}}
{{- end -}}
{{ toJson $found }}
{{- end -}}

{{/* A duration (`500ms`, `25s`, `2m`, `1h`) in seconds. */}}
{{- define "postback-worker.seconds" -}}
{{- $unit := regexFind "[a-z]+$" . -}}
{{- mulf (regexFind "^[0-9.]+" . | float64) (get (dict "ms" 0.001 "s" 1.0 "m" 60.0 "h" 3600.0 "d" 86400.0) $unit) -}}
{{- end -}}

{{/* The least grace that is safe: the drain, and what the last commit, leaving the group and the last publishes may take after it. */}}
{{- define "postback-worker.grace" -}}
{{- add 55 (include "postback-worker.seconds" (.Values.settings.drain_timeout | default "25s") | float64 | ceil) -}}
{{- end -}}

{{- define "postback-worker.port" -}}
{{- dig "http" "port" 8080 .Values.settings -}}
{{- end -}}

{{/* The data of a ConfigMap with the settings; lines between tables are empty, without spaces. */}}
{{- define "postback-worker.data" -}}
{{ printf "  config.toml: |\n%s" (regexReplaceAll "(?m)^ +$" (include "postback-worker.config" . | indent 4) "") }}
{{- end -}}
