/** The page when there is no session. */
export function NoSession({ reason }: { readonly reason: string }) {
  return (
    <main className="no-session">
      <h1>Not signed in</h1>
      <p>
        This page signs in with the development token of <code>khala dev</code>, and got none. Open
        the address that <code>khala dev</code> prints.
      </p>
      <p className="quiet">{reason}</p>
      <button type="button" className="button" onClick={() => location.reload()}>
        Try again
      </button>
    </main>
  );
}
