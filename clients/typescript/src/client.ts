// The client: every path of the document, typed, over one connection.

import createClient, { type Client } from "openapi-fetch";
import { Connection, type ConnectionOptions } from "./connection.js";
import type { paths } from "./generated/api.js";
import { stringifyJson } from "./json.js";

export interface ClientOptions extends ConnectionOptions {
  /** The address of the service, such as `https://characters.play.example`. */
  readonly baseUrl: string;
}

/** What calls return: whole rows, drawings and metrics, and no other representation of a row that an operation may have. */
type Media = "application/json" | "image/svg+xml" | "text/plain";

/** `GET`, `POST`, `PUT`, `PATCH` and `DELETE` of openapi-fetch. */
export interface CharacterClient extends Client<paths, Media> {
  readonly baseUrl: string;
  readonly connection: Connection;
}

/** Opens no connection yet. */
export function createCharacterClient(options: ClientOptions): CharacterClient {
  const connection = new Connection(options);
  const client = createClient<paths, Media>({
    baseUrl: options.baseUrl,
    fetch: (request) => connection.fetch(request),
    bodySerializer: (body) => stringifyJson(body),
  });
  client.use({
    onRequest({ request }) {
      // openapi-fetch names every body application/json; in the document, each PATCH takes a merge patch.
      if (request.method === "PATCH") request.headers.set("Content-Type", "application/merge-patch+json");
    },
  });
  return Object.assign(client, { baseUrl: options.baseUrl.replace(/\/$/, ""), connection });
}
