"use client";

import { createKhalaClient } from "khala-client";
import { indexedDbStore } from "khala-client/indexeddb";
import {
  KhalaErrorBoundary,
  useKhalaDocument,
  useKhalaStatus,
  useKhalaTopic,
} from "khala-client/react";
import { StrictMode, useState } from "react";

/** The documents of a topic. The client is made on the server, too, and does nothing there. */
export function Page({ url, token, topic: name }) {
  const [khala] = useState(() => createKhalaClient({ url, token, store: indexedDbStore() }));
  return (
    <StrictMode>
      <KhalaErrorBoundary fallback={({ error }) => <p>{error.message}</p>}>
        <Runs khala={khala} topic={khala.topic(name)} />
      </KhalaErrorBoundary>
    </StrictMode>
  );
}

function Runs({ khala, topic }) {
  const { data, isLoading } = useKhalaTopic(topic, (documents) =>
    documents.map(({ docKey, payload }) => `${docKey} ${payload.state}`),
  );
  const first = useKhalaDocument(topic, "run-1").data?.docVersion ?? "none";
  const { state } = useKhalaStatus(khala);
  return <p id="runs">{`${state}: ${isLoading ? "loading" : data.join("; ")}, ${first}`}</p>;
}
