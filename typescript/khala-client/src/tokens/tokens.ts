/**
 * Signs tokens in a backend of one's own, with the WebCrypto of Node, Deno, Bun and edge runtimes.
 * Python has the same as `khala_pg.tokens`.
 */

import { failure } from "../errors.js";

/** A key that signs, and whose tokens it signs. */
export interface SigningKey {
  readonly kid: string;
  readonly alg: "HS256" | "RS256" | "ES256" | "EdDSA";
  readonly key: CryptoKey;
  readonly issuer: string;
  readonly audience: string;
}

export interface PrivateKeyOptions {
  readonly kid: string;
  /** PKCS #8: RSA of at least 2,048 bits (RS256), P-256 (ES256) or Ed25519 (EdDSA). */
  readonly pem: string;
  /** The relays' keyring names it in `jwks`, with the set that {@link jwks} makes. */
  readonly issuer: string;
  /** `khala-sync` by default. */
  readonly audience?: string;
}

export interface TokenOptions {
  /** The organisation whose documents the bearer sees beside the public ones. */
  readonly orgId: string;
  /**
   * Topics the bearer may subscribe to; `topic/prefix` for the documents whose keys begin with the
   * prefix, which ends with a separator: `shop.orders/customer/4` is also 42.
   */
  readonly scopes: readonly string[];
  /** The user: limits and revocations count by it. */
  readonly subject: string;
  /** 900 by default: clients ask for the next token in time. */
  readonly ttlSeconds?: number;
  /** The time of signing in seconds since 1970; the clock's by default. */
  readonly now?: number;
  /** Its `jti`; random by default. */
  readonly tokenId?: string;
}

const MIN_RSA_BITS = 2048;
const HS256 = { name: "HMAC", hash: "SHA-256" };
const ALGORITHMS = {
  HS256,
  RS256: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
  ES256: { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
  EdDSA: { name: "Ed25519" },
} as const;
const PEM = /^\s*-----BEGIN PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END PRIVATE KEY-----\s*$/;

/** The key that signs in a keyring file, whose content is given. Rejects with `usage`. */
export async function keyringKey(keyring: string): Promise<SigningKey> {
  const { current, issuer, audience, keys = [] } = readKeyring(keyring);
  const secret = keys.find(({ kid }) => kid === current)?.secret;
  if (secret === undefined) {
    throw failure("usage", "the keyring has no key to sign with: tokens come from elsewhere");
  }
  try {
    const raw = bytes(secret.replaceAll("-", "+").replaceAll("_", "/"));
    const key = await crypto.subtle.importKey("raw", raw, HS256, false, ["sign"]);
    return { kid: current, alg: "HS256", key, issuer, audience };
  } catch (error) {
    throw failure("usage", `the keyring's key ${current} cannot be read: ${error}`);
  }
}

interface KeyringFile {
  readonly current: string;
  readonly issuer: string;
  readonly audience: string;
  readonly keys?: readonly { readonly kid: string; readonly secret: string }[];
}

function readKeyring(text: string): KeyringFile {
  try {
    return Object(JSON.parse(text));
  } catch {
    // The parser's own words quote the text, which has secrets.
    throw failure("usage", "keyring: not JSON: give the content of the file, not its name");
  }
}

/** A private key, which decides the algorithm. Rejects with `usage`. */
export async function privateKey(options: PrivateKeyOptions): Promise<SigningKey> {
  const { kid, pem, issuer, audience = "khala-sync" } = options;
  const base64 = PEM.exec(pem)?.[1];
  if (base64 === undefined) {
    throw failure(
      "usage",
      "pem: not a key in PKCS #8, which begins with -----BEGIN PRIVATE KEY-----: " +
        "`openssl pkcs8 -topk8 -nocrypt -in FILE` converts others",
    );
  }
  const der = bytes(base64.replace(/\s/g, ""));
  for (const alg of ["ES256", "RS256", "EdDSA"] as const) {
    let key: CryptoKey;
    try {
      key = await crypto.subtle.importKey("pkcs8", der, ALGORITHMS[alg], true, ["sign"]);
    } catch {
      // Not of this kind.
      continue;
    }
    if (((key.algorithm as RsaKeyAlgorithm).modulusLength ?? MIN_RSA_BITS) < MIN_RSA_BITS) {
      break;
    }
    return { kid, alg, key, issuer, audience };
  }
  throw failure(
    "usage",
    `pem: neither RSA of at least ${MIN_RSA_BITS} bits nor on the curve P-256 nor Ed25519`,
  );
}

/** A token that is valid from now for `ttlSeconds`. Relays judge the claims. */
export async function signToken(key: SigningKey, options: TokenOptions): Promise<string> {
  const { orgId, scopes, subject, ttlSeconds = 900, now = Date.now() / 1000 } = options;
  const issuedAt = Math.floor(now);
  const header = { alg: key.alg, kid: key.kid, typ: "JWT" };
  const claims = {
    iss: key.issuer,
    aud: key.audience,
    sub: subject,
    iat: issuedAt,
    nbf: issuedAt,
    exp: Math.floor(issuedAt + ttlSeconds),
    jti: options.tokenId ?? crypto.randomUUID(),
    oa_org_id: orgId,
    oa_sync_scopes: scopes,
    oa_claims_version: 1,
  };
  const encode = (part: object) => base64url(new TextEncoder().encode(JSON.stringify(part)));
  const signed = `${encode(header)}.${encode(claims)}`;
  const signature = await crypto.subtle.sign(
    ALGORITHMS[key.alg],
    key.key,
    new TextEncoder().encode(signed),
  );
  return `${signed}.${base64url(new Uint8Array(signature))}`;
}

/** The public halves of private keys as a key set (RFC 7517), to serve or to write to a file. */
export async function jwks(...keys: readonly SigningKey[]): Promise<{ keys: JsonWebKey[] }> {
  return { keys: await Promise.all(keys.map(publicKey)) };
}

async function publicKey({ kid, alg, key }: SigningKey): Promise<JsonWebKey> {
  if (alg === "HS256") {
    throw failure("usage", `the key ${kid} is a secret: relays have it in their keyring`);
  }
  const { kty, crv, n, e, x, y } = await crypto.subtle.exportKey("jwk", key);
  const fields = { kty, crv, n, e, x, y, kid, alg, use: "sig" };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function bytes(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

function base64url(bytes: Uint8Array): string {
  const text = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  return text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}
