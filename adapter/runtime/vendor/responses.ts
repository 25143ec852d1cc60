// POST /v1/responses. Source: platform.openai.com/docs/api-reference/responses and .../responses-streaming; the
// accumulation of events in lib/responses/ResponseStream.ts of the `openai` package 7.

import { ColdframeError } from "../errors.ts";
import { encodeJson } from "../json.ts";
import {
  type Draft,
  givenError,
  type Head,
  isJson,
  type Json,
  refuseItem,
  type Vendor,
  type VendorRoute,
} from "./_draft.ts";
import { errorFields, openai } from "./_openai.ts";
import { OPEN_ITEM, closeItem, openItem, spreadItem, textDelta } from "./_output-items.ts";

const ALLOWED = "text, an event, an output item, or an object with usage or incomplete_details";

const TOLD = ["usage", "incomplete_details"];

const TERMINAL = /^response\.(completed|incomplete|failed)$/;

/** What a response repeats of its request; null where the request said nothing. */
const ECHOED = {
  instructions: null,
  max_output_tokens: null,
  metadata: {},
  parallel_tool_calls: true,
  previous_response_id: null,
  temperature: null,
  tool_choice: "auto",
  tools: [],
  top_p: null,
} as const;

/** Events with names, and no `[DONE]`: response.completed is the end. */
const vendor: Vendor = {
  ...openai,
  frame: (event) => `event: ${event["type"]}\ndata: ${encodeJson(event)}\n\n`,
  lastFrame: "",
};

/** Text, output items or events as a response. */
export const responses: VendorRoute = { member: "responses", vendor, begin };

function begin({ requestId, created, model, request }: Head): Draft {
  let told: Json = {};
  let sequence = 0;
  let started = false;
  let ended = false;
  // Of a response whose first event is the model's own, the last one is too.
  let isTheModels = false;
  const output: Json[] = [];
  /** The message that text goes into, while it may grow. */
  let open: { id: string; text: string } | undefined;

  const echoed = Object.fromEntries(
    Object.entries(ECHOED).map(([key, value]) => [key, request[key] ?? value]),
  );
  const response = (status: string, more: Json = {}): Json => ({
    id: `resp_${requestId}`,
    object: "response",
    created_at: created,
    status,
    error: null,
    incomplete_details: null,
    ...echoed,
    model,
    output: [],
    ...more,
  });

  const number = (events: readonly Json[]): Json[] =>
    events.map((event) => {
      const own = event["sequence_number"];
      sequence = typeof own === "number" ? own + 1 : sequence + 1;
      return typeof own === "number" ? event : { ...event, sequence_number: sequence - 1 };
    });

  function start(): Json[] {
    if (started) return [];
    started = true;
    const begun = response("in_progress");
    return [
      { type: "response.created", response: begun },
      { type: "response.in_progress", response: begun },
    ];
  }

  function close(): Json[] {
    if (!open) return [];
    const [events, item] = closeItem(open.id, open.text, output.length);
    output.push(item);
    open = undefined;
    return events;
  }

  function text(piece: string): Json[] {
    if (!piece) return [];
    const events = start();
    if (!open) {
      open = { id: `msg_${requestId}_${output.length}`, text: "" };
      events.push(...openItem(open.id, output.length));
    }
    open.text += piece;
    return [...events, textDelta(open.id, piece, output.length)];
  }

  function item(own: Json): Json[] {
    const whole = { id: `${OPEN_ITEM[String(own["type"])] ?? "item"}_${requestId}_${output.length}`, ...own };
    const events = [...start(), ...close(), ...spreadItem(whole, output.length)];
    output.push(whole);
    return events;
  }

  function event(own: Json): Json[] {
    if (own["type"] === "response.created") started = isTheModels = true;
    ended ||= TERMINAL.test(String(own["type"]));
    const before = isTheModels ? [] : [...start(), ...close()];
    if (own["type"] === "response.output_item.done") output.push(own["item"] as Json);
    return [...before, own];
  }

  function write(given: unknown): Json[] {
    if (typeof given === "string") return number(text(given));
    if (!isJson(given)) return refuseItem("responses", given, ALLOWED);
    const { type } = given;
    if (type === "error" || given["error"]) throw givenError(given, openai.errorStatus(given));
    if (typeof type === "string") return number(type.startsWith("response.") ? event(given) : item(given));
    if (!TOLD.some((key) => key in given)) return refuseItem("responses", given, ALLOWED);
    told = { ...told, ...given };
    return [];
  }

  function end(): Json[] {
    if (ended) return [];
    if (isTheModels) {
      throw new ColdframeError(
        "OUTPUT_INVALID",
        "responses gave response.created, and no response.completed.",
      );
    }
    const before = [...start(), ...close()];
    const status = told["incomplete_details"] ? "incomplete" : "completed";
    return number([
      ...before,
      { type: `response.${status}`, response: response(status, { ...told, output }) },
    ]);
  }

  const gather = (events: readonly Json[]): unknown =>
    events.findLast(({ type }) => TERMINAL.test(String(type)))?.["response"];

  function whole(value: unknown): unknown {
    if (isJson(value) && Array.isArray(value["output"])) {
      return value["object"] === "response" ? value : response("completed", value);
    }
    return gather([...write(value), ...end()]);
  }

  function spread(answer: Json): Json[] {
    const begun = { ...answer, status: "in_progress", output: [] };
    const status = answer["status"];
    // What made it whole was numbered too, and nobody saw it.
    sequence = 0;
    return number([
      { type: "response.created", response: begun },
      { type: "response.in_progress", response: begun },
      ...((answer["output"] ?? []) as readonly Json[]).flatMap(spreadItem),
      {
        type: `response.${status === "incomplete" || status === "failed" ? status : "completed"}`,
        response: answer,
      },
    ]);
  }

  const failure = (error: ColdframeError): Json => ({
    ...errorFields(error),
    type: "error",
    request_id: requestId,
    sequence_number: sequence,
  });

  return { write, end, gather, whole, spread, failure };
}
