// GET /v1/models and GET /v1/models/{name}: one document that every client finds its own in. OpenAI's reads id, object,
// created and owned_by; Anthropic's type, display_name and created_at; KServe v1 name and ready. Any name is answered,
// since one deployment is one model. Source: the models resources of both SDKs; kserve.github.io, "V1 Protocol".

import type { Json } from "./_draft.ts";

/** A deployment does not know when its model was made; Anthropic's documentation names the epoch for that. */
const UNKNOWN_TIME = new Date(0);

/** A model that is there and healthy. */
export function modelDocument(name: string): Json {
  return {
    id: name,
    object: "model",
    created: UNKNOWN_TIME.getTime() / 1000,
    owned_by: "coldframe",
    type: "model",
    display_name: name,
    created_at: UNKNOWN_TIME.toISOString(),
    name,
    ready: true,
    status: "ready",
  };
}

/** The list of one. It is there before the model is loaded, and says nothing of that. */
export function modelList(name: string): Json {
  const { name: _name, ready: _ready, status: _status, ...model } = modelDocument(name);
  return { object: "list", data: [model], has_more: false, first_id: name, last_id: name, models: [name] };
}
