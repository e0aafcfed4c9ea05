// Sends a request until it is answered: one idempotency key for all attempts, `Retry-After` obeyed, bounds on every wait.

import { parseJson } from "./json.js";
import { hasProblem } from "./problem.js";
import { randomHex } from "./random.js";

export interface ConnectionOptions {
  /** The author of the changes, as versions record it (`X-User-Id`). Default: none. */
  readonly author?: string;
  /** Sends one attempt. Default: the global `fetch`. */
  readonly fetch?: (request: Request) => Promise<Response>;
  /** Maximum number of attempts for one request. Default: 5. */
  readonly attempts?: number;
  /**
   * Milliseconds for one attempt, with its body. When it is given, each attempt names it to the service (`X-Request-Timeout-Ms`), which
   * stops the work after it. Default: 30,000, which is not named.
   */
  readonly attemptTimeoutMs?: number;
  /**
   * Milliseconds within which the last attempt begins. A longer `Retry-After` is not waited for: its response is returned.
   * Default: 60,000.
   */
  readonly patienceMs?: number;
}

/** Milliseconds of the first pause, doubled for each further one, and of the longest. */
const PAUSE = { first: 100, longest: 5_000 };

/** The media type of live updates, whose response has no end. */
export const EVENT_STREAM = "text/event-stream";

/** A response whose numbers have the value that the service sent. */
class DocumentResponse extends Response {
  override async json(): Promise<unknown> {
    return parseJson(await this.text());
  }
}

/** What all calls of one client share. */
export class Connection {
  #position: string | undefined;

  constructor(readonly options: ConnectionOptions) {}

  /**
   * The response to a request. Network failures and the statuses 408, 429, 502 (of proxies), 503 and 504 are repeated. A change
   * gets an `Idempotency-Key` unless it has one, so that a repeat has no second effect. What was changed through this
   * connection is seen by its later reads (`Storage-Position`).
   *
   * Rejects with the error of `fetch` when no attempt had a response, and when the signal of the request is aborted.
   */
  async fetch(request: Request): Promise<Response> {
    const headers = new Headers(request.headers);
    const isChange = request.method !== "GET" && request.method !== "HEAD";
    const body = isChange ? await request.arrayBuffer() : undefined;
    if (isChange && !headers.has("Idempotency-Key")) headers.set("Idempotency-Key", newKey());
    if (this.options.author !== undefined && !headers.has("X-User-Id")) headers.set("X-User-Id", this.options.author);
    if (this.#position !== undefined && !headers.has("Storage-Position")) headers.set("Storage-Position", this.#position);
    const timeout = this.options.attemptTimeoutMs;
    const isBounded = timeout !== undefined && headers.get("Accept") !== EVENT_STREAM;
    if (isBounded && !headers.has("X-Request-Timeout-Ms")) headers.set("X-Request-Timeout-Ms", String(Math.max(Math.ceil(timeout), 1)));
    const init: RequestInit = body?.byteLength ? { headers, body } : { headers };
    const end = Date.now() + (this.options.patienceMs ?? 60_000);
    for (let attempt = 1; ; attempt += 1) {
      const result = await this.#attempt(request, init);
      request.signal.throwIfAborted();
      const pause = pauseAfter(result, attempt);
      const isLast = attempt >= (this.options.attempts ?? 5) || Date.now() + (pause ?? 0) > end;
      if (pause === undefined || isLast) {
        if (!(result instanceof Response)) throw result.error;
        this.#follow(headers.get("Storage-Position"), result.headers.get("Storage-Position"));
        return result;
      }
      await sleep(pause, request.signal);
    }
  }

  /** Keeps the position of the newest change. The responses to concurrent changes come in any order. */
  #follow(sent: string | null, answered: string | null): void {
    if (answered === null || !/^\d+$/.test(answered)) return;
    const kept = this.#position === undefined ? -1n : BigInt(this.#position);
    const [next, least] = [BigInt(answered), BigInt(sent ?? 0)];
    // A change after the one whose position was sent has a higher one, unless the storage was restored meanwhile.
    const isOfRestored = next < least && least <= kept;
    if (next > kept || isOfRestored) this.#position = answered;
  }

  async #attempt(request: Request, init: RequestInit): Promise<Response | { error: unknown }> {
    const controller = new AbortController();
    const abort = () => controller.abort(request.signal.reason);
    const limit = this.options.attemptTimeoutMs ?? 30_000;
    const timer = setTimeout(() => controller.abort(new DOMException(`no response after ${limit} ms`, "TimeoutError")), limit);
    request.signal.addEventListener("abort", abort, { once: true });
    let isStream = false;
    try {
      const send = this.options.fetch ?? globalThis.fetch;
      const response = await send(new Request(request, { ...init, signal: controller.signal }));
      isStream = response.headers.get("Content-Type")?.startsWith(EVENT_STREAM) ?? false;
      return isStream ? response : await readWhole(response);
    } catch (error) {
      return { error };
    } finally {
      clearTimeout(timer);
      // The body of a stream is still to be read, and aborted with its request.
      if (!isStream) request.signal.removeEventListener("abort", abort);
    }
  }
}

/** A new key for a change, to be given as `Idempotency-Key` when its repeats may come from another process. */
export function newKey(): string {
  return randomHex();
}

/** Resolves after these milliseconds; rejects when the signal is aborted. */
export function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const abort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", abort);
      resolve();
    }, milliseconds);
    signal.addEventListener("abort", abort, { once: true });
  });
}

async function readWhole(response: Response): Promise<Response> {
  if (response.status === 204 || response.status === 304) return response;
  const text = await response.text();
  const headers = new Headers(response.headers);
  headers.delete("Content-Encoding");
  // With a length, openapi-fetch reads the body by `json()` of the response.
  headers.set("Content-Length", String(new TextEncoder().encode(text).byteLength));
  return new DocumentResponse(text, { status: response.status, statusText: response.statusText, headers });
}

/** Milliseconds until a repeat; `undefined` when the result is final. */
function pauseAfter(result: Response | { error: unknown }, attempt: number): number | undefined {
  const backoff = Math.min(PAUSE.first * 2 ** (attempt - 1), PAUSE.longest) * (0.5 + Math.random() / 2);
  if (!(result instanceof Response)) return backoff;
  const isRepeatable = [408, 429, 503, 504].includes(result.status) || (result.status === 502 && !hasProblem(result));
  return isRepeatable ? (retryAfter(result) ?? backoff) : undefined;
}

/** `Retry-After` in milliseconds, as a number of seconds or a date. */
function retryAfter(response: Response): number | undefined {
  const text = response.headers.get("Retry-After");
  if (text === null) return undefined;
  const milliseconds = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isNaN(milliseconds) ? undefined : Math.max(milliseconds, 0);
}
