{{- define "rewards.name" -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | replace (printf "%s-%s" .Chart.Name .Chart.Name) .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* labels: (list . "component") */}}
{{- define "rewards.labels" -}}
{{ include "rewards.selector" . }}
app.kubernetes.io/version: {{ (index . 0).Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ (index . 0).Release.Service }}
helm.sh/chart: {{ printf "%s-%s" (index . 0).Chart.Name (index . 0).Chart.Version }}
{{- end -}}

{{- define "rewards.selector" -}}
app.kubernetes.io/name: {{ (index . 0).Chart.Name }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* image: (list . image) */}}
{{- define "rewards.image" -}}
{{- $image := index . 1 -}}
{{- if $image.digest -}}
{{ printf "%s@%s" $image.repository $image.digest }}
{{- else -}}
{{ printf "%s:%s" $image.repository ($image.tag | default (index . 0).Chart.AppVersion) }}
{{- end -}}
{{- end -}}

{{- define "rewards.confined" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{- define "rewards.spread" -}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector: {matchLabels: {{ include "rewards.selector" . | fromYaml | toJson }}}
{{- end -}}

{{- define "rewards.tokenSecret" -}}
{{ .Values.sandbox.existingTokenSecret | default (printf "%s-sandbox" (include "rewards.name" .)) }}
{{- end -}}

{{- define "rewards.keysSecret" -}}
{{ .Values.keys.existingSecret | default (printf "%s-keys" (include "rewards.name" .)) }}
{{- end -}}

{{/* The addresses of all sandbox workers: each has a name of its own. */}}
{{- define "rewards.sandboxes" -}}
{{- $name := include "rewards.name" . -}}
{{- $found := list -}}
{{- range $number := until (int .Values.sandbox.replicas) -}}
{{- $found = append $found (printf "tcp://%s-sandbox-%d.%s-sandbox:9000" $name $number $name) -}}
{{- end -}}
{{ join "," $found }}
{{- end -}}

{{- define "rewards.judges" -}}
{{- if .Values.judge.urls -}}
{{ join "," .Values.judge.urls }}
{{- else if .Values.judge.enabled -}}
{{- $name := include "rewards.name" . -}}
{{- $found := list -}}
{{- range $number := until (int .Values.judge.replicas) -}}
{{- $found = append $found (printf "http://%s-judge-%d.%s-judge:8000" $name $number $name) -}}
{{- end -}}
{{ join "," $found }}
{{- end -}}
{{- end -}}
