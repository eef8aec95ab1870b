/** RFC 8785 canonical JSON and its SHA-256, as `khala.payload_hash` computes it in Postgres. */

import { failure } from "../errors.js";
import type { Json, Sha256 } from "../types.js";

/** The canonical text of a JSON value. Throws `not_i_json` for a value that has none. */
export function canonicalJson(value: unknown): string {
  if (typeof value === "string") {
    return quoted(value);
  }
  if (value === null || typeof value === "boolean" || Number.isFinite(value)) {
    return String(value);
  }
  // Adding pieces up, not joining lists of them, takes 4.5 µs instead of 11 for 600 bytes.
  let text = "";
  let comma = "";
  if (Array.isArray(value)) {
    for (const element of value) {
      text += comma + canonicalJson(element);
      comma = ",";
    }
    return `[${text}]`;
  }
  const prototype = typeof value === "object" && Object.getPrototypeOf(value);
  if (prototype === null || prototype === Object.prototype) {
    const members = value as { readonly [name: string]: Json };
    // The default order compares UTF-16 units, which is the order RFC 8785 requires.
    for (const name of Object.keys(members).sort()) {
      text += `${comma}${quoted(name)}:${canonicalJson(members[name])}`;
      comma = ",";
    }
    return `{${text}}`;
  }
  throw failure("not_i_json", `${typeof value} is not a JSON value`);
}

function quoted(value: string): string {
  // Nothing to escape: with this, canonical text and hash take a fifth less.
  if (/^[ !#-[\]-~]*$/.test(value)) {
    return `"${value}"`;
  }
  // With the flag `u` a surrogate pair is one character: only lone ones are found.
  if (/[\ud800-\udfff]/u.test(value)) {
    throw failure("not_i_json", "a lone surrogate is not a JSON value");
  }
  return JSON.stringify(value);
}

/** SHA-256 of a canonical form in base64, as on the wire; without a promise where possible. */
export type Hash = (canonical: string | Uint8Array<ArrayBuffer>) => string | Promise<string>;

/** A part of Node that browsers do not have. */
interface Node {
  readonly process?: {
    getBuiltinModule?(name: "node:crypto"): {
      hash?(algorithm: "sha256", data: string | Uint8Array, encoding: "base64"): string;
    };
  };
}

/** The platform's hash, or one from `sha256`. Throws `usage` where there is neither. */
export function hasher(sha256?: Sha256): Hash {
  // 20,000 documents of 600 bytes take 0.05 s of processor time, with SubtleCrypto 0.35.
  const node = (globalThis as Node).process?.getBuiltinModule?.("node:crypto");
  if (sha256 === undefined && node?.hash !== undefined) {
    const { hash } = node;
    return (canonical) => hash("sha256", canonical, "base64");
  }
  const subtle = globalThis.crypto?.subtle;
  const digest = sha256 ?? (subtle && ((bytes) => subtle.digest("SHA-256", bytes)));
  if (digest === undefined) {
    throw failure("usage", "sha256: none on this platform: pass that of khala-client/sha256");
  }
  return async (canonical) => {
    const bytes = typeof canonical === "string" ? new TextEncoder().encode(canonical) : canonical;
    return btoa(String.fromCharCode(...new Uint8Array(await digest(bytes))));
  };
}

/** SHA-256 over the canonical form, in base64 as on the wire. Throws `not_i_json`, `usage`. */
export async function payloadHash(payload: unknown, sha256?: Sha256): Promise<string> {
  return hasher(sha256)(canonicalJson(payload));
}

/** The text form of a hash: `sha256:` and hexadecimal digits. */
export function hashText(payloadHash: string): string {
  const digits = Array.from(atob(payloadHash), (byte) =>
    byte.charCodeAt(0).toString(16).padStart(2, "0"),
  );
  return `sha256:${digits.join("")}`;
}
