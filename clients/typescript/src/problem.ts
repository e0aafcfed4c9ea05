// Refusals of the service as errors: a problem document (RFC 9457) becomes a `ProblemError` with its code.

import type { components } from "./generated/api.js";

export type Problem = components["schemas"]["Problem"];
/** The codes that this version knows. The service may add codes: treat an unknown one by its status. */
export type ProblemCode = Problem["code"];
export type FieldError = components["schemas"]["FieldError"];

/** A response without success. Without a problem document it is not from the service, but from a proxy before it. */
export class HttpError extends Error {
  override readonly name: string = "HttpError";
  readonly status: number;

  constructor(
    message: string,
    readonly response: Response,
    /** The body. */
    readonly text: string,
  ) {
    super(message);
    this.status = response.status;
  }
}

/** A refusal of the service. */
export class ProblemError extends HttpError {
  override readonly name = "ProblemError";
  readonly code: ProblemCode;
  /** What was wrong in this request, and what would be right. */
  readonly detail: string | undefined;
  /** The fields at fault, for `invalid`; otherwise empty. */
  readonly errors: readonly FieldError[];
  /** The id under which the service logged the request. */
  readonly requestId: string | undefined;

  constructor(
    response: Response,
    text: string,
    /** The whole document, with the members of single codes such as `actual_revision`. */
    readonly problem: Problem,
  ) {
    const faults = (problem.errors ?? []).map(({ field, reason }) => `${field}: ${reason}`);
    super([`${problem.status} ${problem.code}`, problem.detail ?? problem.title, ...faults].join("; "), response, text);
    this.code = problem.code;
    this.detail = problem.detail;
    this.errors = problem.errors ?? [];
    this.requestId = problem.request_id;
  }

  /** The reasons of each field at fault. */
  get fields(): ReadonlyMap<string, readonly string[]> {
    const fields = new Map<string, string[]>();
    for (const { field, reason } of this.errors) fields.set(field, [...(fields.get(field) ?? []), reason]);
    return fields;
  }
}

/** Whether an error is a refusal with one of these codes. Without codes: whether it is a refusal. */
export function isProblem<C extends ProblemCode = ProblemCode>(
  error: unknown,
  ...codes: readonly C[]
): error is ProblemError & { readonly code: C } {
  return error instanceof ProblemError && (codes.length === 0 || (codes as readonly string[]).includes(error.code));
}

/** Whether a response has a problem document. */
export function hasProblem(response: Response): boolean {
  return response.headers.get("Content-Type")?.startsWith("application/problem+json") ?? false;
}

/** The error of a response without success, whose body was read. */
export function errorOf(response: Response, text: string): HttpError {
  if (hasProblem(response)) {
    try {
      return new ProblemError(response, text, JSON.parse(text) as Problem);
    } catch (error) {
      return new HttpError(`${response.status}, with a problem document that cannot be read: ${error}`, response, text);
    }
  }
  return new HttpError(`${response.status} ${response.statusText}: ${text.slice(0, 200)}`, response, text);
}
