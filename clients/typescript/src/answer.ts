// What a call returned: its data and entity tag, or an error.

import { errorOf } from "./problem.js";

/** What `GET`, `POST`, … of the client resolve to. */
export interface Called {
  readonly response: Response;
  readonly data?: unknown;
  readonly error?: unknown;
}

/** The data of a successful call. */
export type DataOf<R> = R extends { data: infer D } ? D : never;

export interface Answer<T> {
  readonly data: T;
  /** The entity tag of the row, for `If-Match` and `If-None-Match`; absent where the answer is not one row or list. */
  readonly etag: string | undefined;
  /** Whether an earlier request with the same key had the effect, and this is its answer again. */
  readonly isReplayed: boolean;
  readonly response: Response;
}

/** The answer of a call. Rejects with `ProblemError` or `HttpError` when the response is no success (2xx). */
export async function answer<R extends Called>(call: Promise<R>): Promise<Answer<DataOf<R>>> {
  const { response, data, error } = await call;
  if (!response.ok) throw errorOf(response, textOf(error));
  return {
    data: data as DataOf<R>,
    etag: response.headers.get("ETag") ?? undefined,
    isReplayed: response.headers.get("Idempotency-Replayed") === "true",
    response,
  };
}

/** Like `answer`, for a read with `If-None-Match`: `undefined` when nothing has changed (304). */
export async function changed<R extends Called>(call: Promise<R>): Promise<Answer<DataOf<R>> | undefined> {
  const called = await call;
  return called.response.status === 304 ? undefined : answer(Promise.resolve(called));
}

/** The header that refuses a change when the row is not as it was read (412 `precondition-failed`). */
export function ifMatch(read: Answer<unknown>): { "If-Match": string } {
  if (read.etag === undefined) throw new TypeError("the answer has no entity tag");
  return { "If-Match": read.etag };
}

function textOf(error: unknown): string {
  return typeof error === "string" ? error : (JSON.stringify(error) ?? "");
}
