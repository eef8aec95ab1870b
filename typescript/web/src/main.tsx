import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./components/App";
import { NoSession } from "./components/NoSession";
import { readSession } from "./session";
import "./styles.css";
import { applyTheme, chosenTheme } from "./choices";
import { watchFlag } from "./flags";

applyTheme(chosenTheme());
const place = document.getElementById("page");
if (place !== null) {
  const root = createRoot(place);
  readSession().then(
    async (session) => {
      await watchFlag(session.token);
      root.render(
        <StrictMode>
          <App session={session} />
        </StrictMode>,
      );
    },
    (error: unknown) => root.render(<NoSession reason={String(error)} />),
  );
}
