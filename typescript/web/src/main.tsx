import { StrictMode } from "react";
import { createRoot, type Root } from "react-dom/client";
import { readAs } from "./admin";
import { applyTheme, chosenTheme } from "./choices";
import { App } from "./components/App";
import { SignedOut } from "./components/SignedOut";
import { watchFlag } from "./flags";
import { takeCode } from "./place";
import { readSession, type Session, SignedOutError, signIn } from "./session";
import "./styles.css";

applyTheme(chosenTheme());
const element = document.getElementById("page");
if (element !== null) {
  const root = createRoot(element);
  void start(root, takeCode());
  // A link that is opened in a tab which has the page already.
  addEventListener("hashchange", () => {
    const code = takeCode();
    if (code !== null) {
      void start(root, code);
    }
  });
}

async function start(root: Root, code: string | null): Promise<void> {
  let session: Session;
  try {
    session = await (code === null ? readSession() : signIn(code));
  } catch (error) {
    const cause = !(error instanceof SignedOutError) ? "away" : code === null ? "out" : "used";
    root.render(<SignedOut cause={cause} reason={error instanceof Error ? error.message : ""} />);
    return;
  }
  readAs(session);
  await watchFlag(session.organisation);
  root.render(
    <StrictMode>
      <App session={session} />
    </StrictMode>,
  );
}
