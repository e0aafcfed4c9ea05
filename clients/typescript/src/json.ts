// JSON without a change of any number.
//
// A number of JSON has any size and precision, and a `number` of JavaScript does not: JSON.parse returns 9007199254740992 for
// 9007199254740993. What is read here and written again keeps its value.

import { randomHex } from "./random.js";

/** Marks a number within a text. It is random, so that no text of a document begins with it. */
const MARK = randomHex();
const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const MARKED = new RegExp(`"${MARK}([^"]*)"`, "g");
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
/** No whole `number` has more digits, and a number of more digits is therefore never one. */
const LONGEST = 400;

let isWriting = false;

/** A number whose value no `number` has, as its text. `Number(it)` is the nearest `number`. */
export class JsonNumber {
  /** Throws a `SyntaxError` when the text is not a number of JSON. */
  constructor(readonly text: string) {
    if (!NUMBER.test(text)) throw new SyntaxError(`not a number of JSON: ${text.slice(0, 40)}`);
  }

  /** The nearest `number`. */
  valueOf(): number {
    return Number(this.text);
  }

  toString(): string {
    return this.text;
  }

  /** Throws a `SyntaxError` unless the text is a whole number without an exponent. */
  toBigInt(): bigint {
    return BigInt(this.text);
  }

  /** Throws a `TypeError` in `JSON.stringify`, which cannot write it; `stringifyJson` can. */
  toJSON(): string {
    if (!isWriting) throw new TypeError("JSON.stringify would change a JsonNumber; use stringifyJson");
    return MARK + this.text;
  }
}

/** Like `JSON.parse`; a number whose value no `number` has becomes a `JsonNumber`. */
export function parseJson(text: string): unknown {
  const marked = text.replace(TOKENS, (token) => (token.startsWith('"') || isExact(token) ? token : `"${MARK}${token}"`));
  if (marked === text) return JSON.parse(text) as unknown;
  return JSON.parse(marked, (_, value: unknown) =>
    typeof value === "string" && value.startsWith(MARK) ? new JsonNumber(value.slice(MARK.length)) : value,
  ) as unknown;
}

/**
 * Like `JSON.stringify`; also writes `JsonNumber` and `bigint`. Throws a `TypeError` for what JSON has not: `NaN`,
 * infinite numbers, and a function or `undefined` on its own.
 */
export function stringifyJson(value: unknown): string {
  const outer = isWriting;
  isWriting = true;
  try {
    const text = JSON.stringify(value, (_, member: unknown) => {
      if (typeof member === "bigint") return `${MARK}${member}`;
      if (typeof member === "number" && !Number.isFinite(member)) throw new TypeError(`JSON has no number ${member}`);
      return member;
    }) as string | undefined;
    if (text === undefined) throw new TypeError(`JSON has no value for ${typeof value}`);
    return text.replace(MARKED, "$1");
  } finally {
    isWriting = outer;
  }
}

function isExact(text: string): boolean {
  if (text.length > LONGEST) return false;
  const nearest = Number(text);
  return Number.isFinite(nearest) && canonical(text) === canonical(String(nearest));
}

/** Digits without zeros at the ends, and an exponent: the same text for the same value. */
function canonical(text: string): string {
  const [mantissa = "", exponent = "0"] = text.toLowerCase().split("e");
  const [whole = "", fraction = ""] = mantissa.replace("-", "").split(".");
  const digits = (whole + fraction).replace(/^0+/, "");
  const significant = digits.replace(/0+$/, "");
  if (significant === "") return "0";
  const power = Number(exponent) - fraction.length + digits.length - significant.length;
  return `${mantissa.startsWith("-") ? "-" : ""}${significant}e${power}`;
}
