// Random texts that no other party guesses or repeats.

/** 128 random bits as hexadecimal digits. `crypto.randomUUID` would not do: pages without TLS do not have it. */
export function randomHex(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
