// Live updates (`GET /api/v2/stream`): reconnects, resumes behind the last event, and drops what came twice.

import type { CharacterClient } from "./client.js";
import { EVENT_STREAM, sleep } from "./connection.js";
import { errorOf, HttpError } from "./problem.js";

/** A change of a character or a campaign. Read the row to get its state. */
export interface Update {
  /** Unique for the change. */
  readonly id: string;
  /** The type of the domain event, `character.changed` or `campaign.changed`. */
  readonly type: string;
  /** When it was committed, UTC. */
  readonly time: string;
  /** `null` for a change of a campaign itself. */
  readonly character: string | null;
  /** The campaigns of the character before and after the change, or the campaign itself. */
  readonly campaigns: readonly string[];
  /** The revision after the change; `null` when the change did not write the row itself. */
  readonly revision: number | null;
  /** The names of the fields of the character or the campaign that changed; empty for a creation or a deletion. */
  readonly changed: readonly string[];
}

/**
 * `hello`: what is read from now on is at least as new as the stream. `reset`: updates may be missing, read everything again.
 * `id` resumes a later stream behind this event.
 */
export type LiveEvent =
  | { readonly event: "hello" | "reset"; readonly id: string }
  | { readonly event: "update"; readonly id: string; readonly update: Update };

export interface StreamOptions {
  /** Ids of characters; together with campaigns 1 to 500. */
  readonly characters?: readonly string[];
  /** Ids of campaigns; each includes its characters. */
  readonly campaigns?: readonly string[];
  /** The id of the last event of an earlier stream. Default: the stream begins now. */
  readonly lastEventId?: string;
  /** Milliseconds without a word of the service after which an error ends the stream. Default: 300,000. */
  readonly patienceMs?: number;
  /** Ends the stream with an error. To end it without one, leave the loop. */
  readonly signal?: AbortSignal;
}

/** Milliseconds of silence after which the connection counts as lost: three heartbeats. */
const SILENCE_MS = 45_000;
/** How many updates are remembered to drop repeats. */
const REMEMBERED = 1000;

/**
 * The events, without end. Throws `ProblemError` when the service refuses the stream, and the last error when the service was
 * not heard for `patienceMs`.
 */
export async function* stream(client: CharacterClient, options: StreamOptions): AsyncGenerator<LiveEvent, void, undefined> {
  const query = new URLSearchParams();
  if (options.characters?.length) query.set("character", options.characters.join(","));
  if (options.campaigns?.length) query.set("campaign", options.campaigns.join(","));
  const parser = new EventParser(options.lastEventId);
  let heard = Date.now();
  for (;;) {
    const controller = new AbortController();
    const abort = () => controller.abort(options.signal?.reason);
    options.signal?.throwIfAborted();
    options.signal?.addEventListener("abort", abort, { once: true });
    let silence: ReturnType<typeof setTimeout> | undefined;
    try {
      const headers = new Headers({ Accept: EVENT_STREAM });
      if (parser.lastEventId !== undefined) headers.set("Last-Event-ID", parser.lastEventId);
      const request = new Request(`${client.baseUrl}/api/v2/stream?${query}`, { headers, signal: controller.signal });
      const response = await client.connection.fetch(request);
      if (!response.ok || response.body === null) throw errorOf(response, await response.text());
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      parser.begin();
      for (;;) {
        clearTimeout(silence);
        silence = setTimeout(() => controller.abort(new DOMException("the stream is silent", "TimeoutError")), SILENCE_MS);
        const { done, value } = await reader.read();
        if (done) break;
        heard = Date.now();
        yield* parser.push(value);
      }
    } catch (error) {
      const isRefused = error instanceof HttpError && error.status < 500 && ![408, 429].includes(error.status);
      const isUnreadable = error instanceof SyntaxError;
      if (isRefused || isUnreadable || options.signal?.aborted || Date.now() - heard > (options.patienceMs ?? 300_000)) throw error;
    } finally {
      clearTimeout(silence);
      options.signal?.removeEventListener("abort", abort);
      controller.abort();
    }
    await sleep(parser.retryMs, options.signal ?? new AbortController().signal);
  }
}

/** Reads server-sent events from pieces of text. */
class EventParser {
  /** Milliseconds to wait before the stream is opened again. */
  retryMs = 2000;
  readonly #seen = new Set<string>();
  #rest = "";

  constructor(public lastEventId: string | undefined) {}

  /** Forgets an event that an ended connection left incomplete. */
  begin(): void {
    this.#rest = "";
  }

  push(text: string): LiveEvent[] {
    const blocks = (this.#rest + text).split(/\r?\n\r?\n/);
    this.#rest = blocks.pop() ?? "";
    return blocks.flatMap((block) => this.#event(block) ?? []);
  }

  #event(block: string): LiveEvent | undefined {
    const fields = new Map<string, string>();
    for (const line of block.split(/\r?\n/)) {
      const [name = "", value = ""] = line.split(/: ?(.*)/s, 2);
      fields.set(name, name === "data" && fields.has("data") ? `${fields.get("data")}\n${value}` : value);
    }
    const retry = fields.get("retry");
    if (retry !== undefined && /^\d+$/.test(retry)) this.retryMs = Number(retry);
    const id = (this.lastEventId = fields.get("id") ?? this.lastEventId) ?? "";
    const event = fields.get("event");
    if (event === "hello" || event === "reset") return { event, id };
    if (event !== "update") return undefined;
    const update = JSON.parse(fields.get("data") ?? "") as Update;
    if (this.#seen.has(update.id)) return undefined;
    this.#seen.add(update.id);
    for (const oldest of this.#seen) {
      if (this.#seen.size <= REMEMBERED) break;
      this.#seen.delete(oldest);
    }
    return { event, id, update };
  }
}
