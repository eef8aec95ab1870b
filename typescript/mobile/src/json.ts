/** JSON that comes from elsewhere, read without trusting its shape. */

import type { JsonObject } from "khala-client";

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A JSON object; empty when the text is none. */
export function readObject(text: string): JsonObject {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

/** The field as a string; empty when it is missing or of another type. */
export function text(object: JsonObject, field: string): string {
  const value = object[field];
  return typeof value === "string" ? value : "";
}

/** The field as a number; null when it is missing or of another type. */
export function number(object: JsonObject, field: string): number | null {
  const value = object[field];
  return typeof value === "number" ? value : null;
}

/** The field as an array; empty when it is missing or of another type. */
export function list(object: JsonObject, field: string): readonly unknown[] {
  const value: unknown = object[field];
  return Array.isArray(value) ? value : [];
}

/** The field as a moment in milliseconds since 1970; null when it is none. */
export function moment(object: JsonObject, field: string): number | null {
  const at = Date.parse(text(object, field));
  return Number.isNaN(at) ? null : at;
}
