export { answer, changed, ifMatch, type Answer, type Called, type DataOf } from "./answer.js";
export { createCharacterClient, type CharacterClient, type ClientOptions } from "./client.js";
export { Connection, newKey, type ConnectionOptions } from "./connection.js";
export type { components, operations, paths } from "./generated/api.js";
export { JsonNumber, parseJson, stringifyJson } from "./json.js";
export { items, pages, UnreadableRowsError, type Page, type PageCall, type UnreadableRow } from "./pages.js";
export { HttpError, isProblem, ProblemError, type FieldError, type Problem, type ProblemCode } from "./problem.js";
export { stream, type LiveEvent, type StreamOptions, type Update } from "./stream.js";
