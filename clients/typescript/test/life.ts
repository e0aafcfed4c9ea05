// Lives the whole life of a character against the service at the address in the first argument.

import {
  answer,
  changed,
  createCharacterClient,
  HttpError,
  ifMatch,
  isProblem,
  items,
  JsonNumber,
  newKey,
  pages,
  parseJson,
  ProblemError,
  stream,
  stringifyJson,
  UnreadableRowsError,
  type LiveEvent,
} from "character-service-client";

declare const process: { readonly argv: readonly string[] };
const baseUrl = process.argv[2] ?? "";

function equal(found: unknown, expected: unknown, what: string): void {
  const [left, right] = [stringifyJson([found]), stringifyJson([expected])];
  if (left !== right) throw new Error(`${what}: ${left} is not ${right}`);
}

function holds(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`it does not hold that ${what}`);
}

async function refusal(call: Promise<unknown>): Promise<ProblemError> {
  const error = await call.then(() => "it was not refused", (error: unknown) => error);
  holds(isProblem(error), `there is a problem, but: ${error}`);
  return error;
}

/** What happens to the next requests: lost after they were sent, or answered by something before the service. */
const faults: ((request: Request) => Promise<Response>)[] = [];
const sent: Request[] = [];

async function network(request: Request): Promise<Response> {
  sent.push(request.clone());
  return (faults.shift() ?? fetch)(request);
}

async function loseResponse(request: Request): Promise<Response> {
  await (await fetch(request)).text();
  throw new TypeError("the network lost the response");
}

async function unavailable(request: Request, seconds: string): Promise<Response> {
  const body = stringifyJson({ type: "/problems/overloaded", title: "Overloaded", status: 503, code: "overloaded", instance: request.url });
  return new Response(body, { status: 503, headers: { "Content-Type": "application/problem+json", "Retry-After": seconds } });
}

const client = createCharacterClient({ baseUrl: `${baseUrl}/`, author: "life", fetch: network, patienceMs: 20_000 });
const user_id = crypto.randomUUID();

// Birth, with numbers that no `number` has.
const born = await answer(
  client.POST("/api/v2/characters", {
    body: {
      name: "Torormir",
      user_id,
      data: { deeds: new JsonNumber("9007199254740993"), luck: new JsonNumber("0.1000000000000000055"), gold: 18446744073709551615n, level: 3, height: 1.5 },
    },
  }),
);
equal([born.response.status, born.etag, born.isReplayed], [201, '"1"', false], "the birth");
const id = born.data.id;
const path = { id };
const one = "/api/v2/characters/{id}";

// A read of what is known already.
const again = client.GET(one, { params: { path, header: { "If-None-Match": born.etag ?? "" } } });
equal(await changed(again), undefined, "an unchanged read");
const read = await answer(client.GET(one, { params: { path } }));
const deeds = read.data.data["deeds"];
holds(deeds instanceof JsonNumber && deeds.toBigInt() === 9007199254740993n, "a large number is exact");
equal(read.data.data["height"], 1.5, "a small number is a number");

// A change of all fields returns every number as it was.
const replaced = await answer(client.PUT(one, { params: { path, header: ifMatch(read) }, body: { ...read.data, name: "Torormir the Grey" } }));
equal(replaced.etag, '"2"', "the entity tag after a change");
const raw = await (await fetch(`${baseUrl}/api/v2/characters/${id}`)).text();
for (const number of ['"deeds":9007199254740993', '"luck":0.1000000000000000055', '"gold":18446744073709551615', '"height":1.5']) {
  holds(raw.includes(number), `${number} is in ${raw}`);
}

// A merge patch: sets, clears and leaves alone. The second one comes too late.
const patch = { params: { path, header: ifMatch(replaced) }, body: { theme: null, data: { motto: "onward", level: null } } };
const patched = await answer(client.PATCH(one, patch));
equal([patched.data.data["motto"], patched.data.data["level"], patched.data.name], ["onward", undefined, "Torormir the Grey"], "the patch");
const late = await refusal(answer(client.PATCH(one, { ...patch, body: { name: "Late" } })));
holds(isProblem(late, "precondition-failed"), `the late change is refused: ${late}`);
equal([late.status, late.problem.actual_revision, late.problem.expected_revisions], [412, 3, [2]], "the late change");

// Several fields at fault.
const invalid = await refusal(answer(client.POST("/api/v2/characters", { body: { name: "", user_id: "nobody", theme: "" } })));
equal([invalid.code, [...invalid.fields.keys()].sort()], ["invalid", ["name", "theme", "user_id"]], "the faults");
holds(invalid.errors.length >= 3 && invalid.requestId !== undefined && invalid.message.includes("user_id: "), `the faults are told: ${invalid.message}`);

// The response is lost; the repeat has the same key and no second effect.
faults.push(loseResponse);
sent.length = 0;
const paid = await answer(client.POST("/api/v2/characters/{id}/inventory/currency", { params: { path }, body: { gp: 15 } }));
equal([paid.isReplayed, paid.data.gp, sent.length], [true, 15, 2], "the repeated payment");
const keys = sent.map((request) => request.headers.get("Idempotency-Key"));
holds(keys[0] !== null && keys[0] === keys[1], `both attempts have one key: ${keys}`);
// A key of the caller, as another process would send it again.
const header = { "Idempotency-Key": newKey() };
for (const isReplayed of [false, true]) {
  const gift = await answer(client.POST("/api/v2/characters/{id}/inventory/currency", { params: { path, header }, body: { sp: 4 } }));
  equal([gift.isReplayed, gift.data.sp], [isReplayed, 4], "the gift");
}

// A repeat is answered with its first position, or the later one that was sent, and the client never goes back.
sent.length = 0;
await answer(client.POST("/api/v2/characters/{id}/inventory/currency", { params: { path, header }, body: { sp: 4 } }));
await answer(client.GET(one, { params: { path } }));
const positions = sent.map((request) => request.headers.get("Storage-Position"));
holds(positions[0] !== null && positions[0] === positions[1], `the position stays: ${positions}`);

// Responses to concurrent changes come in any order. One below its request is that of a storage that was restored.
async function positionAfter(fault: (request: Request) => Promise<Response>): Promise<string | null | undefined> {
  const gone = () => client.DELETE(one, { params: { path: { id: crypto.randomUUID() } } });
  faults.push(fault);
  await gone();
  faults.push(async () => new Response(null, { status: 204 }));
  await gone();
  return sent.at(-1)?.headers.get("Storage-Position");
}
const at = (position: string) => async () => new Response(null, { status: 204, headers: { "Storage-Position": position } });
equal(await positionAfter(at("9007199254740993")), "9007199254740993", "a position");
const overtaken = async () => {
  equal(await positionAfter(at("9007199254740995")), "9007199254740995", "the later position");
  return at("9007199254740994")();
};
equal(await positionAfter(overtaken), "9007199254740995", "a position that was overtaken");
equal(await positionAfter(at("-")), "9007199254740995", "a position that is none");
const restored = async () => {
  equal(await positionAfter(at("7")), "7", "the first position of a storage that was restored");
  return at("6")();
};
equal(await positionAfter(restored), "7", "an older one of that storage");
equal(await positionAfter(at("5")), "5", "the position of a storage that was restored");

// `Retry-After` is obeyed within the bound, and not beyond it.
faults.push((request) => unavailable(request, "1"));
const before = Date.now();
await answer(client.GET(one, { params: { path } }));
holds(Date.now() - before >= 990, "a second was waited for");
for (const long of ["3600", new Date(Date.now() + 3_600_000).toUTCString()]) {
  faults.push((request) => unavailable(request, long));
  equal((await refusal(answer(client.GET(one, { params: { path } })))).code, "overloaded", "a long wait");
}
// What is not from the service is no problem of it.
faults.push(async () => new Response("<h1>Forbidden</h1>", { status: 403 }));
const foreign = await answer(client.GET(one, { params: { path } })).catch((error: unknown) => error);
holds(foreign instanceof HttpError && !isProblem(foreign) && foreign.status === 403, `a proxy refuses: ${foreign}`);
// An attempt that is given up ends with the reason of the caller.
const aborted = client.GET(one, { params: { path }, signal: AbortSignal.abort(new Error("enough")) });
equal(await aborted.catch((error: Error) => error.message), "enough", "an aborted call");

// Attempts have a number and a time.
let attempts = 0;
const named: (string | null)[] = [];
const unreachable = createCharacterClient({
  baseUrl,
  attempts: 2,
  attemptTimeoutMs: 50,
  fetch: (request) =>
    new Promise((_, reject) => {
      attempts += 1;
      named.push(request.headers.get("X-Request-Timeout-Ms"));
      request.signal.addEventListener("abort", () => reject(request.signal.reason));
    }),
});
const silence = await unreachable.GET(one, { params: { path } }).catch((error: Error) => error.name);
equal([silence, attempts, named], ["TimeoutError", 2, ["50", "50"]], "a service that says nothing");
// The time of the caller is named when it is given, the time of one call before that of all, and never for a stream.
const patient = createCharacterClient({ baseUrl, attempts: 1, attemptTimeoutMs: 20_000.5, fetch: network });
async function namedBy(call: Promise<unknown>): Promise<string | null | undefined> {
  await call;
  return sent.pop()?.headers.get("X-Request-Timeout-Ms");
}
equal(await namedBy(answer(client.GET(one, { params: { path } }))), null, "the time of a client without one");
equal(await namedBy(answer(patient.GET(one, { params: { path } }))), "20001", "the time of a client");
const over = answer(patient.GET(one, { params: { path, header: { "X-Request-Timeout-Ms": 0 } } }));
equal(await namedBy(refusal(over).then((late) => equal(late.code, "deadline-exceeded", "a time that is over"))), "0", "the time of a call");
const opened = stream(patient, { characters: [id] });
equal(await namedBy(opened.next()), null, "the time of a stream");
await opened.return();

// Inventory.
const things = "/api/v2/characters/{id}/inventory";
const pack = await answer(client.POST(things, { params: { path }, body: { name: "Backpack", data: { weight: 5, capacity: 30 } } }));
for (const name of ["Sword", "Rope", "Lamp", "Map"]) {
  await answer(client.POST(things, { params: { path }, body: { name, container: pack.data.id, data: { weight: 1 } } }));
}
const cycle = client.POST("/api/v2/characters/{id}/inventory/{item}/move", {
  params: { path: { id, item: pack.data.id } },
  body: { container: pack.data.id },
});
equal((await refusal(answer(cycle))).code, "container-cycle", "a rule of the game");

// Every row of a list of several pages.
const listed: string[] = [];
const page = (query: { cursor?: string }) => client.GET(things, { params: { path, query: { limit: 2, order: "name", ...query } } });
for await (const thing of items(page)) listed.push(thing.name);
equal(listed, ["Backpack", "Lamp", "Map", "Rope", "Sword"], "the inventory");
let count = 0;
for await (const { items } of pages(page)) count += items.length > 0 ? 1 : 0;
equal(count, 3, "the pages");

// A row that the service cannot read.
const unreadable = [{ position: 0, id: pack.data.id, problem: "storage-corrupt" }];
async function spoilt(): Promise<Response> {
  return new Response(stringifyJson({ items: [], next_cursor: null, unreadable }), { headers: { "Content-Type": "application/json" } });
}
faults.push(spoilt);
const missed = await items(page).next().catch((error: unknown) => error);
holds(missed instanceof UnreadableRowsError && missed.rows[0]?.id === pack.data.id, `the row is told: ${missed}`);
faults.push(spoilt);
const taken: unknown[] = [];
for await (const thing of items(page, (rows) => taken.push(...rows))) throw new Error(`there is none, but ${thing.name}`);
equal(taken, unreadable, "the unreadable rows");

// Journal, experience and levels.
const entry = await answer(
  client.POST("/api/v2/characters/{id}/journal", { params: { path }, body: { title: "Hollowmere", tags: ["ogre"], session_number: 1 } }),
);
const quest = client.POST("/api/v2/characters/{id}/journal/{entry}/quests", {
  params: { path: { id, entry: entry.data.id } },
  body: { title: "Recover the lost heir", importance: "high" },
});
equal((await answer(quest)).data.status, "active", "the quest");
const award = client.POST("/api/v2/characters/{id}/progress/experience", {
  params: { path },
  body: { amount: 2800, source: "combat", reason: "an ogre" },
});
const awarded = (await answer(award)).data;
equal([awarded.leveled_up, awarded.level_after], [true, 4], "the level");

// Live updates: the first connection is cut after `hello`, the second one resumes behind it.
async function cutAfterHello(request: Request): Promise<Response> {
  const response = await fetch(request);
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const { value } = await reader.read();
  await reader.cancel();
  return new Response(value as Uint8Array<ArrayBuffer>, { headers: response.headers });
}
faults.push(cutAfterHello);
sent.length = 0;
const heard: LiveEvent[] = [];
for await (const event of stream(client, { characters: [id], signal: AbortSignal.timeout(60_000) })) {
  heard.push(event);
  if (heard.length === 1) await answer(client.PATCH(one, { params: { path }, body: { name: "Torormir the White" } }));
  if (event.event === "update") break;
}
const last = heard.at(-1);
holds(last?.event === "update" && last.update.character === id, `the change is heard: ${stringifyJson(heard)}`);
equal([last.update.type, last.update.changed], ["character.updated", ["name"]], "the update");
const resumed = sent.filter((request) => request.url.includes("/stream")).map((request) => request.headers.get("Last-Event-ID"));
equal(resumed, [null, heard[0]?.id], "the streams");
// A position of another storage.
const elsewhere = { characters: [id], lastEventId: "00000000-0000-0000-0000-000000000000.1", signal: AbortSignal.timeout(60_000) };
for await (const event of stream(client, elsewhere)) {
  if (event.event === "reset") break;
}
const nothing = stream(client, {}).next();
equal((await refusal(nothing)).status, 422, "a stream of nothing");

// Versions.
const versions = "/api/v2/characters/{id}/versions";
const ids: string[] = [];
const history = items((query) => client.GET(versions, { params: { path, query: { limit: 3, ...query } } }));
for await (const version of history) ids.push(version.id);
holds(ids.length > 6, `there are versions: ${ids}`);
const [newest = "", oldest = ""] = [ids.at(0), ids.at(-1)];
const compared = await answer(
  client.GET("/api/v2/characters/{id}/versions/compare", { params: { path, query: { from: oldest, to: newest } } }),
);
const paths = compared.data.changes.map((change) => change["path"]);
holds(paths.includes("/name") && paths.includes("/data/motto"), `the versions differ: ${stringifyJson(compared.data)}`);

// Death and return.
const gone = await answer(client.DELETE(one, { params: { path } }));
equal([gone.response.status, gone.data], [204, undefined], "the death");
equal((await refusal(answer(client.GET(one, { params: { path } })))).code, "not-found", "the dead");
const back = await answer(client.POST("/api/v2/characters/{id}/restore", { params: { path } }));
equal([back.data.name, back.data.deleted_at], ["Torormir the White", null], "the return");

// Numbers keep their values, and the mistakes of documents are refused.
for (const text of ["0", "-0.5", "1e3", "123456789012345680000", "5e-324"]) equal(typeof parseJson(text), "number", text);
for (const text of ["12345678901234567891", "1e400", "-0.1000000000000000055", `1${"0".repeat(500)}`, "4.9406564584124654e-324"]) {
  equal(stringifyJson(parseJson(`{"a":["1e400",${text}],"b\\"2e999":null}`)), `{"a":["1e400",${text}],"b\\"2e999":null}`, text);
}
for (const wrong of [() => stringifyJson([NaN]), () => JSON.stringify(new JsonNumber("1e999")), () => new JsonNumber("0x1"), () => parseJson("[01]")]) {
  let error: unknown;
  try {
    wrong();
  } catch (caught) {
    error = caught;
  }
  holds(error instanceof TypeError || error instanceof SyntaxError, `${wrong} is refused`);
}
console.log("the character has lived");
