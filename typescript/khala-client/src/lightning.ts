/**
 * Typed records of the Lightning control plane, from either form in which they travel.
 *
 * The messages of openagents.lightning.v1 are the record types. A record travels as proto-JSON
 * (snake_case, names of enum values, 64-bit integers as strings) or as the API writes it
 * (camelCase, wire names of enum values, numbers). Free JSON inside a record is the same in both.
 */

import {
  type DescEnum,
  type DescField,
  type DescMessage,
  fromJson,
  getOption,
  type JsonObject,
  type JsonValue,
  type MessageShape,
  ScalarType,
  toJson,
} from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { FeatureSet_FieldPresence, type Value, ValueSchema } from "@bufbuild/protobuf/wkt";
import { wire_name } from "./gen/openagents/sync/v1/options_pb.js";

export * from "./gen/openagents/lightning/v1/compile_pb.js";
export * from "./gen/openagents/lightning/v1/control_plane_pb.js";
export * from "./gen/openagents/lightning/v1/deployment_pb.js";
export * from "./gen/openagents/lightning/v1/paywall_pb.js";
export * from "./gen/openagents/lightning/v1/security_pb.js";
export * from "./gen/openagents/lightning/v1/settlement_pb.js";

/** A value is not a record of the expected type. */
export class InvalidRecordError extends Error {
  override readonly name = "InvalidRecordError";
}

/**
 * The record that `value` holds in either form.
 *
 * Null is absent. Unknown fields are ignored, and an unknown value of an enum is UNSPECIFIED, so
 * that a newer server can be read. Throws InvalidRecordError if a field has the wrong type or is
 * given in both forms.
 */
export function readRecord<Desc extends DescMessage>(
  schema: Desc,
  value: unknown,
): MessageShape<Desc> {
  const json = protoJson(schema, value);
  try {
    return fromJson(schema, json, { ignoreUnknownFields: true });
  } catch (error) {
    throw new InvalidRecordError(`no ${schema.name}: ${error}`, { cause: error });
  }
}

/**
 * The record as the API writes it. Absent fields are left out; an integer beyond 2^53 is a string,
 * because no number here holds it.
 */
export function apiJson<Desc extends DescMessage>(
  schema: Desc,
  record: MessageShape<Desc>,
): JsonObject {
  return apiObject(reflect(schema, record));
}

function protoJson(schema: DescMessage, value: unknown): JsonObject {
  if (!isObject(value)) {
    throw new InvalidRecordError(`${schema.name} is a JSON object, not ${typeName(value)}`);
  }
  const known: JsonObject = {};
  for (const field of schema.fields) {
    const given = [field.jsonName, field.name].filter(
      (name, place, names) => names.indexOf(name) === place && (value[name] ?? null) !== null,
    );
    if (given.length > 1) {
      throw new InvalidRecordError(`${field.jsonName} is given as ${field.name} as well`);
    }
    for (const name of given) {
      known[field.jsonName] = protoValue(field, value[name]);
    }
  }
  return known;
}

function protoValue(field: DescField, value: unknown): JsonValue {
  if (field.fieldKind !== "list") {
    return protoItem(field, value);
  }
  if (!Array.isArray(value)) {
    throw new InvalidRecordError(`${field.jsonName} is an array, not ${typeName(value)}`);
  }
  return value.map((item) => protoItem(field, item));
}

function protoItem(field: DescField, value: unknown): JsonValue {
  if (field.message && field.message.typeName !== ValueSchema.typeName) {
    return protoJson(field.message, value);
  }
  if (!field.enum) {
    return value as JsonValue;
  }
  if (typeof value !== "string") {
    throw new InvalidRecordError(`${field.jsonName} is a string, not ${typeName(value)}`);
  }
  return field.enum.values.find((each) => getOption(each, wire_name) === value)?.name ?? value;
}

function apiObject(record: ReflectMessage): JsonObject {
  const json: JsonObject = {};
  for (const field of record.fields) {
    // Fields without presence are always there, whatever their value.
    if (field.presence === FeatureSet_FieldPresence.IMPLICIT || record.isSet(field)) {
      json[field.jsonName] = apiValue(field, record);
    }
  }
  return json;
}

function apiValue(field: DescField, record: ReflectMessage): JsonValue {
  switch (field.fieldKind) {
    case "list":
      return Array.from(record.get(field), (item) => apiItem(field, item));
    case "map":
      throw new InvalidRecordError(`${field.jsonName} is a map, and no record has one`);
    default:
      return apiItem(field, record.get(field));
  }
}

function apiItem(field: DescField, value: unknown): JsonValue {
  if (field.enum) {
    return wireName(field.enum, value as number);
  }
  if (field.message) {
    const message = value as ReflectMessage;
    return field.message.typeName === ValueSchema.typeName
      ? toJson(ValueSchema, message.message as Value)
      : apiObject(message);
  }
  if (field.scalar === ScalarType.INT64) {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : String(value);
  }
  return value as JsonValue;
}

/** Name of an enum's value on the API; empty for UNSPECIFIED. */
function wireName(desc: DescEnum, number: number): string {
  const value = desc.value[number];
  return value ? getOption(value, wire_name) : "";
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function typeName(value: unknown): string {
  return Array.isArray(value) ? "an array" : value === null ? "null" : typeof value;
}
