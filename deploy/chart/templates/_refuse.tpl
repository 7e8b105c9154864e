{{/*
What values.schema.json can't say, since it concerns two values at once: each is one line that names the value and
what would be right. Empty where all is well.
*/}}

{{- define "postback-worker.refuse" -}}
{{- $problems := list -}}
{{- $settings := .Values.settings -}}
{{- $destinations := $settings.destinations | default dict -}}
{{- $common := $settings.destination | default dict -}}
{{- $fallbacks := list -}}
{{- range $name, $destination := $destinations -}}
{{- if not (or $destination.url $destination.simple_url $destination.event_url) -}}
{{- $problems = printf "settings.destinations.%s: has no url: say where its postbacks go" $name | append $problems -}}
{{- end -}}
{{- if not $destination.when }}{{ $fallbacks = append $fallbacks $name }}{{ end -}}
{{- end -}}
{{- range list "name" "url" "simple_url" "event_url" -}}
{{- if and $destinations (hasKey $common .) -}}
{{- $problems = printf "settings.destination.%s: can't stand beside settings.destinations, each of which has its own; what else is common may" . | append $problems -}}
{{- end -}}
{{- end -}}
{{- if gt (len $fallbacks) 1 -}}
{{- $problems = printf "settings.destinations: %s have no `when`; one at most may take what no other takes" (join " and " $fallbacks) | append $problems -}}
{{- end -}}
{{- $proxies := dict "destination" (get $common "proxy") -}}
{{- range $name, $destination := $destinations }}{{ $_ := set $proxies (printf "destinations.%s" $name) (get $destination "proxy") }}{{ end -}}
{{- range $where, $proxy := $proxies -}}
{{- if and (kindIs "string" $proxy) (contains "@" (toString $proxy)) -}}
{{- $problems = printf "settings.%s.proxy: has a login, which would stand in a ConfigMap; write {fromSecret: NAME, key: KEY} for the whole URL" $where | append $problems -}}
{{- end -}}
{{- end -}}
{{- $least := include "postback-worker.grace" . | int -}}
{{- if and .Values.terminationGracePeriodSeconds (lt (int .Values.terminationGracePeriodSeconds) $least) -}}
{{- $problems = printf "terminationGracePeriodSeconds: %d is too short for a drain of %s; set %d at least, or nothing" (int .Values.terminationGracePeriodSeconds) ($settings.drain_timeout | default "25s") $least | append $problems -}}
{{- end -}}
{{- range .Values.only -}}
{{- if not (hasKey $destinations .) -}}
{{- $problems = printf "only: %s is none of settings.destinations (%s)" . (keys $destinations | sortAlpha | join ", ") | append $problems -}}
{{- end -}}
{{- end -}}
{{- with .Values.autoscaling -}}
{{- if and .kind (gt (int .minWorkers) (int .maxWorkers)) -}}
{{- $problems = printf "autoscaling.minWorkers: %d is more than autoscaling.maxWorkers, %d" (int .minWorkers) (int .maxWorkers) | append $problems -}}
{{- end -}}
{{- if and (eq .kind "keda") (not .prometheusAddress) -}}
{{- $problems = append $problems "autoscaling.prometheusAddress: KEDA asks Prometheus; say where it is, such as http://prometheus.monitoring:9090" -}}
{{- end -}}
{{- end -}}
{{- $servers := dig "kafka" "bootstrap_servers" "" $settings -}}
{{- if and (or .Values.networkPolicy.enabled .Values.console.enabled) (kindIs "map" $servers) (not .Values.networkPolicy.kafkaPorts) -}}
{{- $problems = append $problems "networkPolicy.kafkaPorts: must be set, such as [9093]: bootstrap_servers is in a Secret, and its ports are not known" -}}
{{- end -}}
{{- range .Values.extraVolumes -}}
{{- if hasKey . "hostPath" -}}
{{- $problems = printf "extraVolumes: %s is a path of the node; a worker needs none, and `restricted` refuses it" .name | append $problems -}}
{{- end -}}
{{- end -}}
{{- with .Values.serviceAccount -}}
{{- if and .annotations (not .create) -}}
{{- $problems = append $problems "serviceAccount.annotations: are of an account that the chart makes; set serviceAccount.create, or annotate yours" -}}
{{- end -}}
{{- end -}}
{{- if dig "http" "host" "" $settings -}}
{{- $problems = append $problems "settings.http.host: leave it out; in a pod the worker listens on every address, for the probes" -}}
{{- end -}}
{{- if $settings.console -}}
{{- $problems = append $problems "settings.console: leave it out; `console` says all of it, and the workers need not know the token" -}}
{{- end -}}
{{- if and .Values.console.enabled (not .Values.console.token) -}}
{{- $problems = append $problems "console.token: must be set: {fromSecret: NAME, key: KEY}; who has it may see the page" -}}
{{- end -}}
{{- range $name, $value := dig "kafka" "properties" dict $settings -}}
{{- $plain := $name | lower | replace "_" "." -}}
{{- if eq $plain "group.instance.id" -}}
{{- $problems = append $problems "settings.kafka.properties: group.instance.id would be the same for all workers; set staticMembership.enabled" -}}
{{- else if and (regexMatch "password|passphrase|secret|jaas|key\\.pem|oauthbearer\\.config|kinit\\.cmd" $plain) (not (kindIs "map" $value)) (not (hasSuffix ".location" $plain)) -}}
{{- $problems = printf "settings.kafka.properties: %s is a secret, and would stand in a ConfigMap; write {fromSecret: NAME, key: KEY}" $name | append $problems -}}
{{- end -}}
{{- end -}}
{{- $labels := dict "commonLabels" .Values.commonLabels "podLabels" .Values.podLabels "podMonitor.labels" .Values.podMonitor.labels -}}
{{- $labels = merge $labels (dict "prometheusRule.labels" .Values.prometheusRule.labels "dashboard.labels" .Values.dashboard.labels) -}}
{{- range $where, $given := $labels -}}
{{- range keys ($given | default dict) | sortAlpha -}}
{{- if regexMatch "^(app[.]kubernetes[.]io/(name|instance|component|version|managed-by)|helm[.]sh/chart)$" . -}}
{{- $problems = printf "%s: %s is set by the chart, which finds its pods by such labels; leave it out" $where . | append $problems -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range .Values.env -}}
{{- if has .name (list "POSTBACK_CONFIG" "POSTBACK_SECRETS_DIR") -}}
{{- $problems = printf "env: %s is set by the chart; write settings and secrets instead" .name | append $problems -}}
{{- end -}}
{{- end -}}
{{- if $problems }}{{ fail (printf "\n\n%s\n" (join "\n" $problems)) }}{{ end -}}
{{- end -}}
