/** Both forms of a record give the same typed record, and free JSON passes through untouched. */

import {
  create,
  type DescField,
  type DescMessage,
  type JsonObject,
  ScalarType,
  toJson,
} from "@bufbuild/protobuf";
import fc, { type Arbitrary } from "fast-check";
import { describe, expect, test } from "vitest";
import * as lightning from "../src/lightning.js";
import { apiJson, InvalidRecordError, PaywallSchema, readRecord } from "../src/lightning.js";

const exported: unknown[] = Object.values(lightning);
const schemas = exported.filter(
  (each): each is DescMessage =>
    typeof each === "object" && each !== null && "kind" in each && each.kind === "message",
);

/** Records as proto-JSON: what the other form is written from. */
function records(schema: DescMessage): Arbitrary<JsonObject> {
  const fields = Object.fromEntries(schema.fields.map((field) => [field.name, values(field)]));
  return fc.record(fields, { requiredKeys: [] }) as Arbitrary<JsonObject>;
}

function values(field: DescField): Arbitrary<unknown> {
  return field.fieldKind === "list" ? fc.array(items(field), { maxLength: 2 }) : items(field);
}

function items(field: DescField): Arbitrary<unknown> {
  if (field.enum) {
    const names = field.enum.values.filter((value) => value.number !== 0).map(({ name }) => name);
    return fc.constantFrom(...names);
  }
  if (field.message) {
    return field.message.typeName === "google.protobuf.Value"
      ? fc.jsonValue().filter((value) => value !== null && !JSON.stringify(value).includes("-0"))
      : records(field.message);
  }
  switch (field.scalar) {
    case ScalarType.INT64:
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String);
    case ScalarType.UINT32:
      return fc.nat({ max: 2 ** 32 - 1 });
    case ScalarType.BOOL:
      return fc.boolean();
    default:
      return fc.string({ unit: "grapheme" });
  }
}

describe("both forms", () => {
  test.each(schemas.map((schema) => [schema.name, schema] as const))("%s", (_, schema) => {
    fc.assert(
      fc.property(records(schema), (json) => {
        const expected = readRecord(schema, json);
        expect(readRecord(schema, toJson(schema, expected, { useProtoFieldName: true }))).toEqual(
          expected,
        );
        expect(readRecord(schema, apiJson(schema, expected))).toEqual(expected);
      }),
      { numRuns: 50 },
    );
  });

  test("there are records of every kind", () => {
    expect(schemas.map(({ name }) => name)).toContain("IngestSettlementResponse");
    expect(schemas.length).toBe(22);
  });
});

test("the API's form", () => {
  const api = {
    paywallId: "pw_news",
    ownerId: "owner",
    name: "News",
    status: "active",
    createdAtMs: 1_700_000_000_000,
    updatedAtMs: 1_700_000_000_000,
    metadata: { paywall_id: { status: "active", n: [1, 2.5, null, "PAYWALL_STATUS_ACTIVE"] } },
    routes: [],
  };
  const record = readRecord(PaywallSchema, { ...api, description: null, more: 1 });
  expect(record.status).toBe(lightning.PaywallStatus.ACTIVE);
  expect(record.createdAtMs).toBe(1_700_000_000_000n);
  expect(apiJson(PaywallSchema, record)).toEqual(api);
});

test("an unknown value of an enum is unspecified", () => {
  expect(readRecord(PaywallSchema, { status: "lost" })).toEqual(create(PaywallSchema));
});

test.each([
  [[], "Paywall"],
  [{ paywallId: 5 }, "paywall_id"],
  [{ paywall_id: "a", paywallId: "b" }, "paywallId"],
  [{ status: 1 }, "status"],
  [{ routes: {} }, "routes"],
  [{ routes: [5] }, "PaywallRoute"],
  [{ routes: [{ priority: -1 }] }, "priority"],
  [{ createdAtMs: "soon" }, "created_at_ms"],
])("%j is no record", (value, named) => {
  const read = () => readRecord(PaywallSchema, value);
  expect(read).toThrow(InvalidRecordError);
  expect(read).toThrow(named);
});
