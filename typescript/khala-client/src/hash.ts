/** RFC 8785 canonical JSON and its SHA-256, as `khala.payload_hash` computes it in Postgres. */

import { failure } from "./errors.js";
import type { Json, Sha256 } from "./types.js";

/** The canonical text of a JSON value. Throws `not_i_json` for what has none. */
export function canonicalJson(value: unknown): string {
  if (typeof value === "string") {
    // With the flag `u` a surrogate pair is one character: only lone ones are found.
    if (/[\ud800-\udfff]/u.test(value)) {
      throw failure("not_i_json", "a text holds a lone surrogate");
    }
    return JSON.stringify(value);
  }
  if (typeof value === "number" && Number.isFinite(value)) {
    return JSON.stringify(value);
  }
  if (value === null || typeof value === "boolean") {
    return String(value);
  }
  if (Array.isArray(value)) {
    return `[${Array.from(value, canonicalJson).join()}]`;
  }
  const prototype = typeof value === "object" && Object.getPrototypeOf(value);
  if (prototype === null || prototype === Object.prototype) {
    const members = value as { readonly [name: string]: Json };
    // The default order compares UTF-16 units, which is the order RFC 8785 asks for.
    const names = Object.keys(members).sort();
    return `{${names.map((name) => `${canonicalJson(name)}:${canonicalJson(members[name])}`).join()}}`;
  }
  throw failure("not_i_json", `${typeof value} is not a JSON value`);
}

/**
 * SHA-256 over the canonical form, in base64 as on the wire. Throws `not_i_json`.
 *
 * `canonical`: that form in UTF-8, where it is known already.
 */
export async function payloadHash(
  payload: unknown,
  sha256: Sha256 = subtle,
  canonical: Uint8Array<ArrayBuffer> = new TextEncoder().encode(canonicalJson(payload)),
): Promise<string> {
  return btoa(String.fromCharCode(...new Uint8Array(await sha256(canonical))));
}

/** The text form of a hash: `sha256:` and hexadecimal digits. */
export function hashText(payloadHash: string): string {
  const digits = Array.from(atob(payloadHash), (byte) =>
    byte.charCodeAt(0).toString(16).padStart(2, "0"),
  );
  return `sha256:${digits.join("")}`;
}

/** Whether the platform can hash by itself: not in React Native, nor in pages without https. */
export function hasSubtle(): boolean {
  return globalThis.crypto?.subtle !== undefined;
}

function subtle(bytes: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer> {
  return crypto.subtle.digest("SHA-256", bytes);
}
