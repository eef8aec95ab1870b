import fc from "fast-check";
import type { Json, JsonObject } from "../../src/index.js";

const text = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 12 }),
  fc.string({ unit: "binary", maxLength: 6 }),
  fc.constantFrom(
    "",
    "\u20ac",
    "\ufb33",
    "\u{1f600}",
    "\u{10000}",
    "\uffff",
    '"\\\b\f\n\r\t\u001f\u007f',
  ),
  fc.constantFrom("__proto__", "constructor", "toString", "1", "10", "-0"),
);
// Postgres has no text with a NUL.
const storable = text.map((value) => value.replaceAll("\0", ""));
const number = fc.oneof(
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(-0, 5e-324, 1e21, 1e-7, 1e20, 999999999999999900000, 2 ** 53, -(2 ** 53) + 1),
);

const { value } = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom(null, true, false),
    number,
    storable,
    fc.array(tie("value"), { maxLength: 5 }),
    fc.dictionary(storable, tie("value"), {
      maxKeys: 6,
      noNullPrototype: true,
    }) as fc.Arbitrary<Json>,
  ),
}));

/** Any I-JSON object that Postgres can store. */
export const jsonObject = fc.dictionary(storable, value, {
  maxKeys: 8,
  noNullPrototype: true,
}) as fc.Arbitrary<JsonObject>;
