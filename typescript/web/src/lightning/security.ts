/** The security state: pause, owners' kill switches, credential roles. */

import type { KhalaDocument } from "khala-client";
import {
  type CredentialRole,
  CredentialRoleSchema,
  type OwnerSecurityControl,
  OwnerSecurityControlSchema,
  readRecord,
  type SecurityGlobal,
  SecurityGlobalSchema,
} from "khala-client/lightning";

export interface Security {
  /** Null: not visible to this organisation. */
  readonly global: SecurityGlobal | null;
  readonly owners: readonly OwnerSecurityControl[];
  readonly roles: readonly CredentialRole[];
}

export function readSecurity(documents: readonly KhalaDocument[]): Security {
  let global: SecurityGlobal | null = null;
  const owners = new Map<string, OwnerSecurityControl>();
  const roles: CredentialRole[] = [];
  for (const { docKey, payload } of documents) {
    if (docKey === "global") {
      global = readRecord(SecurityGlobalSchema, payload);
    } else if (docKey.startsWith("role/")) {
      roles.push(readRecord(CredentialRoleSchema, payload));
    } else if (/^(operators\/)?owner\//.test(docKey)) {
      // The owner's document and the operators' are of the same change, where both are visible.
      const control = readRecord(OwnerSecurityControlSchema, payload);
      const other = owners.get(control.ownerId);
      if (other === undefined || other.updatedAtMs < control.updatedAtMs) {
        owners.set(control.ownerId, control);
      }
    }
  }
  return { global, owners: [...owners.values()].sort(byOwner), roles };
}

function byOwner(a: OwnerSecurityControl, b: OwnerSecurityControl): number {
  return a.ownerId < b.ownerId ? -1 : 1;
}
