// The route of a call as metrics and traces name it: one of a handful, whatever the caller wrote, so that nobody can fill
// a monitoring system with paths of his own. The table itself is routes.ts; this knows its names.

/** What is asked about a model by its name, and with a version in KServe's second protocol. */
const MODEL = /^(\/v[12]\/models\/)[^/:]+(\/versions\/[^/]+)?/;

const ROUTES: ReadonlySet<string> = new Set([
  ...["/", "/health/live", "/health/ready", "/ping", "/schema", "/openapi.json", "/metrics"],
  ...["/predict", "/invocations", "/v1/chat/completions", "/v1/completions", "/v1/embeddings"],
  ...["/v1/responses", "/v1/messages", "/v1/models", "/v1/models/{name}", "/v1/models/{name}/loaded"],
  ...["/v1/models/{name}/schema", "/v1/models/{name}:predict"],
  ...[
    "/events",
    "/v2",
    "/v2/",
    "/v2/health/live",
    "/v2/health/ready",
    "/v2/models/{name}",
    "/v2/models/{name}/ready",
  ],
  ...["/v2/models/{name}/infer", "/v2/models/{name}/generate", "/v2/models/{name}/generate_stream"],
]);

/** Where a platform says in a variable which path it will call; see targets/server/platform-answers.ts. */
const VARIABLES = ["AIP_HEALTH_ROUTE", "AIP_PREDICT_ROUTE", "AWS_LWA_PASS_THROUGH_PATH", "HEALTH_CHECK_PATH"];

const platformRoutes: ReadonlySet<string | undefined> = new Set(VARIABLES.map((name) => process.env[name]));

/** `/v1/models/{name}:predict` for `/v1/models/scribe:predict`; "other" for what no deployment answers. */
export function routeLabel(path: string): string {
  if (ROUTES.has(path)) return path;
  const route = path.replace(MODEL, "$1{name}");
  return ROUTES.has(route) || platformRoutes.has(route) ? route : "other";
}
