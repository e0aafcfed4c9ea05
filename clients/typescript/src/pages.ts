// Lists of any length as async iterators, which follow `next_cursor`.

import { answer, type Called } from "./answer.js";
import type { components } from "./generated/api.js";

export type UnreadableRow = components["schemas"]["UnreadableRow"];

export interface Page<T> {
  readonly items: T[];
  readonly next_cursor: string | null;
  readonly unreadable?: UnreadableRow[];
}

/** A call for one page. `page` is part of its query. */
export type PageCall<T> = (page: { cursor?: string }) => Promise<Called & { readonly data?: Page<T> }>;

/** A page has rows that the service cannot read. */
export class UnreadableRowsError extends Error {
  override readonly name = "UnreadableRowsError";

  constructor(readonly rows: readonly UnreadableRow[]) {
    super(rows.map(({ position, id, problem }) => `row ${position} (${id}): ${problem}`).join("; "));
  }
}

/** Every page, in its order. */
export async function* pages<T>(call: PageCall<T>): AsyncGenerator<Page<T>, void, undefined> {
  let page: { cursor?: string } = {};
  for (;;) {
    const { data } = await answer(call(page));
    const found = data as Page<T>;
    yield found;
    if (found.next_cursor === null) return;
    page = { cursor: found.next_cursor };
  }
}

/**
 * Every row, in the order of the list. Throws `UnreadableRowsError` after the readable rows of a page that has unreadable ones,
 * unless `onUnreadable` takes them.
 */
export async function* items<T>(
  call: PageCall<T>,
  onUnreadable: (rows: readonly UnreadableRow[]) => void = (rows) => {
    throw new UnreadableRowsError(rows);
  },
): AsyncGenerator<T, void, undefined> {
  for await (const page of pages(call)) {
    yield* page.items;
    if (page.unreadable?.length) onUnreadable(page.unreadable);
  }
}
