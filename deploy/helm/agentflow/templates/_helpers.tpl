{{/* Labels that never change: what selectors use. Called with (dict "root" $ "name" NAME). */}}
{{- define "agentflow.selector" -}}
app: {{ .name }}
app.kubernetes.io/part-of: agentflow
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end }}

{{- define "agentflow.labels" -}}
{{ include "agentflow.selector" . }}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
{{- end }}

{{- define "agentflow.meta" -}}
name: {{ .name }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "agentflow.labels" . | nindent 2 }}
{{- end }}

{{- define "agentflow.image" -}}
{{- printf "%s%s:%s" .root.Values.image.prefix .image (.root.Values.image.tag | default .root.Chart.AppVersion) -}}
{{- end }}

{{/* Which stores are of this chart. */}}
{{- define "agentflow.bundled" -}}
{{- $v := .Values -}}
{{- if not $v.kafka.bootstrap }}kafka {{ end -}}
{{- if not $v.database.host }}postgres {{ end -}}
{{- if not $v.redis.host }}redis {{ end -}}
{{- if not $v.clickhouse.host }}clickhouse {{ end -}}
{{- if and $v.nats.enabled (not $v.nats.url) }}nats {{ end -}}
{{- end }}

{{/* "yes" when schemas can be migrated before anything of the release is there: all stores and secrets are. */}}
{{- define "agentflow.migrateFirst" -}}
{{- if and (not (include "agentflow.bundled" .)) (not .Values.externalSecrets.enabled) -}}yes{{- end -}}
{{- end }}

{{/* What cannot work, or is not safe in production, is refused before anything is applied. */}}
{{- define "agentflow.checks" -}}
{{- $v := .Values -}}
{{- $seen := dict -}}
{{- range $name, $process := $v.processes -}}
{{- if $process -}}
{{- range $role := $process.roles -}}
{{- if hasKey $seen $role }}{{ fail (printf "processes: role %s is in %s and in %s; leave it in one" $role (get $seen $role) $name) }}{{ end -}}
{{- $_ := set $seen $role $name -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $role := .Files.Lines "files/roles.txt" -}}
{{- if and $role (not (hasKey $seen $role)) }}{{ fail (printf "processes: no process has the role %s; add it to one" $role) }}{{ end -}}
{{- end -}}
{{- if and $v.secrets.existing (not $v.secrets.keys) }}{{ fail "secrets.keys: name the keys of secrets.existing, such as [API_KEY, KEY_PEPPER, DB_PASSWORD]" }}{{ end -}}
{{- if and $v.secrets.existing $v.externalSecrets.enabled }}{{ fail "secrets.existing and externalSecrets.enabled exclude each other" }}{{ end -}}
{{- if and $v.externalSecrets.enabled (or (not $v.externalSecrets.store.name) (not $v.externalSecrets.data)) }}{{ fail "externalSecrets: give store.name and data" }}{{ end -}}
{{- if and (ne $v.worker.autoscaling.mode "none") (gt (int $v.worker.autoscaling.max) (mul (int $v.kafka.partitions) (len $v.worker.queues))) }}{{ fail (printf "worker.autoscaling.max: %d workers share %d partitions, so some would have none" (int $v.worker.autoscaling.max) (mul (int $v.kafka.partitions) (len $v.worker.queues))) }}{{ end -}}
{{- if gt (mul 5 (int $v.worker.autoscaling.lagPerReplica)) (mul 4 (int $v.worker.concurrency)) }}{{ fail (printf "worker.autoscaling.lagPerReplica: %d is above 4/5 of worker.concurrency %d; steps that run count as lag, so workers would come and go" (int $v.worker.autoscaling.lagPerReplica) (int $v.worker.concurrency)) }}{{ end -}}
{{- if gt (int $v.worker.autoscaling.min) (int $v.worker.autoscaling.max) }}{{ fail "worker.autoscaling: min is above max" }}{{ end -}}
{{- if gt (int $v.controlPlane.autoscaling.min) (int $v.controlPlane.autoscaling.max) }}{{ fail "controlPlane.autoscaling: min is above max" }}{{ end -}}
{{- if $v.production -}}
{{- with include "agentflow.bundled" . }}{{ fail (printf "production: %sof this chart are for development; give kafka.bootstrap, database.host, redis.host, clickhouse.host and nats.url" .) }}{{ end -}}
{{- if lt (int $v.kafka.replication) 3 }}{{ fail "production: kafka.replication is below 3, so one broker's disk holds the only copy" }}{{ end -}}
{{- if has $v.image.tag (list "latest" "main") }}{{ fail (printf "production: image.tag %s moves; give a version such as v1.0.0" $v.image.tag) }}{{ end -}}
{{- if lt (int $v.controlPlane.replicas) 2 }}{{ fail "production: controlPlane.replicas is below 2, so an upgrade interrupts the API" }}{{ end -}}
{{- if and $v.secrets.generate (not $v.secrets.existing) (not $v.externalSecrets.enabled) }}{{ fail "production: secrets of this chart end with the release; give secrets.existing or externalSecrets" }}{{ end -}}
{{- if not $v.objects.url }}{{ fail "production: objects.url is empty; give s3://bucket/prefix" }}{{ end -}}
{{- end -}}
{{- end }}

{{/* Settings that are no secrets, as YAML. */}}
{{- define "agentflow.settings" -}}
{{- $v := .Values -}}
KAFKA_BOOTSTRAP: {{ $v.kafka.bootstrap | default "kafka:9092" | quote }}
TOPIC_PARTITIONS: {{ $v.kafka.partitions | quote }}
TOPIC_REPLICATION: {{ $v.kafka.replication | quote }}
DB_HOST: {{ $v.database.host | default "postgres" | quote }}
DB_PORT: {{ $v.database.port | quote }}
DB_USER: {{ $v.database.user | quote }}
DB_NAME: {{ $v.database.name | quote }}
{{- with $v.database.sslMode }}
DB_SSL_MODE: {{ . | quote }}
{{- end }}
REDIS_HOST: {{ $v.redis.host | default "redis" | quote }}
REDIS_PORT: {{ $v.redis.port | quote }}
CLICKHOUSE_HOST: {{ $v.clickhouse.host | default "clickhouse" | quote }}
CLICKHOUSE_HTTP_PORT: {{ $v.clickhouse.port | quote }}
CLICKHOUSE_USER: {{ $v.clickhouse.user | quote }}
CLICKHOUSE_DATABASE: {{ $v.clickhouse.database | quote }}
{{- if and $v.nats.enabled (not (has "NATS_URL" (include "agentflow.secretKeys" . | fromJsonArray))) }}
NATS_URL: {{ $v.nats.url | default "nats://nats:4222" | quote }}
{{- end }}
DEFAULT_ORG_ID: {{ $v.organisation | quote }}
{{- with $v.objects.url }}
OBJECTS_URL: {{ . | quote }}
{{- end }}
WORKER_CONCURRENCY: {{ $v.worker.concurrency | quote }}
WORKER_QUEUES: {{ join "," $v.worker.queues | quote }}
WORKER_DRAIN_S: {{ $v.worker.drainSeconds | quote }}
API_HOST: "0.0.0.0"
API_PORT: "8080"
METRICS_PORT: "9100"
LOG_FORMAT: json
{{- range $name, $value := $v.settings }}
{{ $name }}: {{ $value | toString | quote }}
{{- end }}
{{- end }}

{{/* The secrets of this chart by name, as YAML. What it makes it finds again at an upgrade. */}}
{{- define "agentflow.secretValues" -}}
{{- $v := .Values -}}
{{- $found := dict -}}
{{- range $name, $value := $v.secrets.values }}{{ $_ := set $found $name ($value | toString) }}{{ end -}}
{{- range $name, $store := dict "DB_PASSWORD" $v.database "REDIS_PASSWORD" $v.redis "CLICKHOUSE_PASSWORD" $v.clickhouse -}}
{{- with $store.password }}{{ $_ := set $found $name (. | toString) }}{{ end -}}
{{- end -}}
{{- if $v.secrets.generate -}}
{{- $made := list "API_KEY" "KEY_PEPPER" "VAULT_KEY" "AUDIT_KEY" -}}
{{- if not $v.database.host }}{{ $made = append $made "DB_PASSWORD" }}{{ end -}}
{{- if not $v.redis.host }}{{ $made = append $made "REDIS_PASSWORD" }}{{ end -}}
{{- if not $v.clickhouse.host }}{{ $made = append $made "CLICKHOUSE_PASSWORD" }}{{ end -}}
{{- $there := (lookup "v1" "Secret" .Release.Namespace "agentflow-secrets").data | default dict -}}
{{- range $name := $made -}}
{{- if not (hasKey $found $name) -}}
{{- $_ := set $found $name (hasKey $there $name | ternary (get $there $name | b64dec) (randAlphaNum 40)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml $found -}}
{{- end }}

{{/* The names of all secrets, as a JSON list: the files that pods get. */}}
{{- define "agentflow.secretKeys" -}}
{{- $v := .Values -}}
{{- if $v.secrets.existing -}}{{ $v.secrets.keys | sortAlpha | toJson }}
{{- else if $v.externalSecrets.enabled -}}{{ keys $v.externalSecrets.data | sortAlpha | toJson }}
{{- else -}}{{ keys (include "agentflow.secretValues" . | fromYaml) | sortAlpha | toJson }}
{{- end -}}
{{- end }}

{{- define "agentflow.secretName" -}}
{{- .Values.secrets.existing | default "agentflow-secrets" -}}
{{- end }}

{{/* Secrets that a migration needs. */}}
{{- define "agentflow.storeSecrets" -}}
{{- $keep := list "DB_PASSWORD" "DATABASE_URL" "VAULT_DSN" "CLICKHOUSE_PASSWORD" "CLICKHOUSE_URL" "REDIS_PASSWORD" "REDIS_URL" "KAFKA_SASL_PASSWORD" "KAFKA_OAUTH_CLIENT_SECRET" -}}
{{- $kept := list -}}
{{- range $name := include "agentflow.secretKeys" . | fromJsonArray }}{{ if has $name $keep }}{{ $kept = append $kept $name }}{{ end }}{{ end -}}
{{- toJson $kept -}}
{{- end }}

{{- define "agentflow.secretFiles" -}}
{{- range . }}
- name: {{ . }}_FILE
  value: /run/agentflow/secrets/{{ . }}
{{- end }}
{{- end }}

{{- define "agentflow.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "agentflow.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: {{ . }}
capabilities:
  drop: [ALL]
{{- end }}

{{/* Where pods may be. Called with (dict "root" $ "name" NAME). */}}
{{- define "agentflow.placement" -}}
affinity:
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          labelSelector:
            matchLabels:
              {{- include "agentflow.selector" . | nindent 14 }}
          topologyKey: kubernetes.io/hostname
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: topology.kubernetes.io/zone
    whenUnsatisfiable: {{ .root.Values.spread.zone }}
    labelSelector:
      matchLabels:
        {{- include "agentflow.selector" . | nindent 8 }}
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: {{ .root.Values.spread.node }}
    labelSelector:
      matchLabels:
        {{- include "agentflow.selector" . | nindent 8 }}
{{- with .root.Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{/*
The pod of a process of ours. Called with (dict "root" $ "name" "container" "image" "command" "port" "env" "resources"
"grace"): "port" has /health, /ready and /metrics.
*/}}
{{- define "agentflow.pod" -}}
{{- $v := .root.Values -}}
metadata:
  labels:
    {{- include "agentflow.labels" . | nindent 4 }}
  annotations:
    checksum/settings: {{ include "agentflow.settings" .root | sha256sum }}
    {{- with $v.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: agentflow
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ .grace }}
  securityContext:
    {{- include "agentflow.podSecurity" 10001 | nindent 4 }}
  {{- with $v.image.pullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- include "agentflow.placement" . | nindent 2 }}
  {{- if and $v.migrate.enabled (not (include "agentflow.migrateFirst" .root)) }}
  initContainers:
    - name: wait-for-schema
      image: {{ include "agentflow.image" . }}
      imagePullPolicy: {{ $v.image.pullPolicy }}
      command: [python3, -m, deploy.wait_for_schema]
      {{- include "agentflow.environment" (dict "root" .root "keys" (include "agentflow.storeSecrets" .root | fromJsonArray) "env" dict) | nindent 6 }}
      resources:
        {{- toYaml $v.migrate.resources | nindent 8 }}
      securityContext:
        {{- include "agentflow.containerSecurity" true | nindent 8 }}
      volumeMounts:
        {{- include "agentflow.mounts" .root | nindent 8 }}
  {{- end }}
  containers:
    - name: {{ .container }}
      image: {{ include "agentflow.image" . }}
      imagePullPolicy: {{ $v.image.pullPolicy }}
      command: {{ toJson .command }}
      {{- include "agentflow.environment" (dict "root" .root "keys" (include "agentflow.secretKeys" .root | fromJsonArray) "env" .env "pod" true "grafana" (and $v.monitoring.enabled (has "live-cost" .command))) | nindent 6 }}
      ports:
        - name: {{ .portName }}
          containerPort: {{ .port }}
      # The process serves these at once, also while it waits for the broker or restores a table.
      startupProbe:
        httpGet: {path: /health, port: {{ .portName }}}
        periodSeconds: 2
        failureThreshold: 60
      livenessProbe:
        httpGet: {path: /health, port: {{ .portName }}}
        periodSeconds: 10
        timeoutSeconds: 3
        failureThreshold: 3
      readinessProbe:
        httpGet: {path: /ready, port: {{ .portName }}}
        periodSeconds: 5
        timeoutSeconds: 3
        failureThreshold: 2
      {{- with .preStop }}
      lifecycle:
        preStop:
          exec:
            command: {{ toJson . }}
      {{- end }}
      resources:
        {{- toYaml .resources | nindent 8 }}
      securityContext:
        {{- include "agentflow.containerSecurity" true | nindent 8 }}
      volumeMounts:
        {{- include "agentflow.mounts" .root | nindent 8 }}
        - name: objects
          mountPath: /app/.agentflow
        {{- if and $v.monitoring.enabled (has "live-cost" .command) }}
        - name: grafana
          mountPath: /run/agentflow/grafana
          readOnly: true
        {{- end }}
  volumes:
    {{- include "agentflow.volumes" .root | nindent 4 }}
    - name: objects
      {{- if $v.objects.url }}
      emptyDir: {}
      {{- else }}
      persistentVolumeClaim:
        claimName: objects
      {{- end }}
    {{- if and $v.monitoring.enabled (has "live-cost" .command) }}
    - name: grafana
      secret:
        secretName: grafana
        items: [{key: url, path: url}]
    {{- end }}
{{- end }}

{{/* Settings from the ConfigMap, secrets from files. Called with (dict "root" "keys" "env" "pod" "grafana" "config"). */}}
{{- define "agentflow.environment" -}}
envFrom:
  - configMapRef:
      name: {{ .config | default "agentflow-config" }}
env:
  {{- if .pod }}
  - name: WORKER_ID
    valueFrom: {fieldRef: {fieldPath: metadata.name}}
  {{- end }}
  {{- with .keys }}
  {{- include "agentflow.secretFiles" . | trim | nindent 2 }}
  {{- end }}
  {{- if .grafana }}
  - name: GRAFANA_URL_FILE
    value: /run/agentflow/grafana/url
  {{- end }}
  {{- range $name, $value := .env }}
  - name: {{ $name }}
    {{- if kindIs "map" $value }}
    {{- toYaml $value | nindent 4 }}
    {{- else }}
    value: {{ $value | toString | quote }}
    {{- end }}
  {{- end }}
{{- end }}

{{- define "agentflow.mounts" -}}
- name: tmp
  mountPath: /tmp
- name: secrets
  mountPath: /run/agentflow/secrets
  readOnly: true
{{- if .Values.certificates.secret }}
- name: tls
  mountPath: /run/agentflow/tls
  readOnly: true
{{- end }}
{{- end }}

{{- define "agentflow.volumes" -}}
- name: tmp
  emptyDir: {}
- name: secrets
  secret:
    secretName: {{ include "agentflow.secretName" . }}
    defaultMode: 0440
{{- with .Values.certificates.secret }}
- name: tls
  secret:
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
{{- end }}

{{/* "keda" or "hpa" or "none" for an autoscaling section. Called with (dict "root" $ "mode" MODE). */}}
{{- define "agentflow.autoscaler" -}}
{{- if ne .mode "auto" }}{{ .mode }}{{ else if .root.Capabilities.APIVersions.Has "keda.sh/v1alpha1" }}keda{{ else }}hpa{{ end -}}
{{- end }}
