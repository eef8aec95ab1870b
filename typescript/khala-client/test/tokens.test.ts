/**
 * Tokens of one's own backend: the vectors that Python has too, and a relay that takes them.
 * tests/integration/security/test_signed_elsewhere.py has the private keys and what is refused.
 */

import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { isKhalaError } from "../src/index.js";
import { jwks, keyringKey, privateKey, signToken } from "../src/tokens/tokens.js";
import { connect, openDatabase, server } from "./harness/server.js";
import { documents } from "./harness/waiting.js";

interface Vector {
  readonly name: string;
  readonly input: {
    readonly org_id: string;
    readonly scopes: string[];
    readonly subject: string;
    readonly ttl_s: number;
    readonly now: number;
    readonly token_id: string;
  };
  readonly claims: object;
  readonly token?: string;
}

const VECTORS = JSON.parse(readFileSync("../../tests/fixtures/token_vectors.v1.json", "utf8"));
const part = (token: string, place: number) =>
  JSON.parse(Buffer.from(token.split(".")[place] ?? "", "base64url").toString());

test.each<Vector>(VECTORS.tokens)("vector: $name", async ({ input, claims, token }) => {
  const { kid, secret, issuer, audience } = VECTORS.key;
  const keyring = { issuer, audience, current: kid, keys: [{ kid, alg: "HS256", secret }] };
  const signed = await signToken(await keyringKey(JSON.stringify(keyring)), {
    orgId: input.org_id,
    scopes: input.scopes,
    subject: input.subject,
    ttlSeconds: input.ttl_s,
    now: input.now,
    tokenId: input.token_id,
  });
  expect(part(signed, 0)).toEqual({ alg: "HS256", kid, typ: "JWT" });
  expect(part(signed, 1)).toEqual(claims);
  expect(signed).toBe(token ?? signed);
});

test("a token of the keyring's own key connects", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  const key = await keyringKey(readFileSync(server.keyring, "utf8"));
  const khala = connect({
    token: () => signToken(key, { orgId: "acme", scopes: [name], subject: "ann" }),
  });
  await database.sink(name, "a", 1, { n: 1 });
  await documents(khala.topic(name), (found) => found.length === 1);
});

test("what is no key to sign with", async () => {
  const usage = (error: unknown) => isKhalaError(error, "usage");
  const issuer = "https://shop.example";
  const { privateKey: short } = generateKeyPairSync("rsa", { modulusLength: 1024 });
  for (const pem of [
    "none",
    short.export({ format: "pem", type: "pkcs8" }).toString(),
    "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n",
    "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
  ]) {
    await expect(privateKey({ kid: "k", pem, issuer })).rejects.toSatisfy(usage);
  }
  for (const keyring of [
    '{"audience": "khala-sync", "jwks": []}',
    "keyring.json",
    "null",
    '{"current": "a", "keys": [{"kid": "a", "secret": "*"}]}',
    '{"current": "a", "keys": [{"kid": "a"}]}',
  ]) {
    await expect(keyringKey(keyring)).rejects.toSatisfy(usage);
  }
  const secret = await keyringKey(readFileSync(server.keyring, "utf8"));
  await expect(jwks(secret)).rejects.toSatisfy(usage);
});
