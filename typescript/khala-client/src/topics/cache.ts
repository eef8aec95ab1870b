/** The documents of one topic by key, each at the highest version seen, whatever the order of
 * arrival. */

import type { JsonObject, KhalaDocument } from "../types.js";

/** One version of a document as kept. A tombstone has no payload. */
export interface Version extends Omit<KhalaDocument, "payload"> {
  readonly deleted: boolean;
  readonly payload: JsonObject | null;
}

/** Whether `candidate` stands above `standing`: by version, then by watermark. */
export function isNewer(
  candidate: Pick<Version, "docVersion" | "watermark">,
  standing: Pick<Version, "docVersion" | "watermark"> | undefined,
): boolean {
  return (
    standing === undefined ||
    candidate.docVersion > standing.docVersion ||
    (candidate.docVersion === standing.docVersion && candidate.watermark > standing.watermark)
  );
}

/**
 * Tombstones stay until a snapshot replaces everything: a late copy of an older version must not
 * bring its document back.
 */
export class DocumentCache {
  #versions = new Map<string, Version>();
  #documents: readonly KhalaDocument[] | null = [];

  /** Takes a version in; whether it stands now. */
  apply(version: Version): boolean {
    const standing = this.#versions.get(version.docKey);
    if (!isNewer(version, standing)) {
      return false;
    }
    this.#versions.set(version.docKey, version);
    this.#documents = null;
    return true;
  }

  /** Makes these the only documents; versions may go down. */
  replace(versions: Iterable<Version>): void {
    this.#versions = new Map(Array.from(versions, (version) => [version.docKey, version]));
    this.#documents = null;
  }

  /** The version of a document that stands, a tombstone too. */
  get(docKey: string): Version | undefined {
    return this.#versions.get(docKey);
  }

  /** Every version that stands, tombstones too. */
  versions(): Version[] {
    return [...this.#versions.values()];
  }

  /** The documents by key, without deleted ones; the same array until something changes. */
  documents(): readonly KhalaDocument[] {
    this.#documents ??= this.versions()
      .filter((version): version is Version & KhalaDocument => !version.deleted)
      .sort((one, other) => (one.docKey < other.docKey ? -1 : 1));
    return this.#documents;
  }
}
