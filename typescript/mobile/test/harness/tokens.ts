/** Tokens that are good for a short time only, signed by the server's own key. */

import { createHmac, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { ready } from "./khala-dev";

const SCOPES = ["runtime.codex_worker_summaries", "runtime.run_summaries", "runtime.operate"];

export function shortToken(ttlSeconds: number): string {
  const ring = JSON.parse(readFileSync(ready().keyring, "utf8"));
  const key = ring.keys.find((each: { kid: string }) => each.kid === ring.current);
  const now = Math.floor(Date.now() / 1000);
  const parts = [
    { alg: key.alg, kid: key.kid, typ: "JWT" },
    {
      iss: ring.issuer,
      aud: ring.audience,
      sub: "ann",
      iat: now,
      nbf: now,
      exp: now + ttlSeconds,
      jti: randomUUID(),
      oa_org_id: "dev",
      oa_sync_scopes: SCOPES,
      oa_claims_version: 1,
    },
  ];
  const signed = parts
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".");
  const signature = createHmac("sha256", Buffer.from(key.secret, "base64url")).update(signed);
  return `${signed}.${signature.digest("base64url")}`;
}
