// Signs tokens with khala-client/tokens: reads {keyring, tokens: [{key, options}]} on standard
// input, and prints {jwks, tokens}. A key of null is the keyring's.
import { readFileSync } from "node:fs";
import { jwks, keyringKey, privateKey, signToken } from "khala-client/tokens";

const asked = JSON.parse(readFileSync(0, "utf8"));
const keys = [];
const tokens = [];
for (const { key: options, options: claims } of asked.tokens) {
  const key = await (options === null ? keyringKey(asked.keyring) : privateKey(options));
  keys.push(key);
  tokens.push(await signToken(key, claims));
}
const published = await jwks(...keys.filter(({ alg }) => alg !== "HS256"));
console.log(JSON.stringify({ jwks: published, tokens }));
