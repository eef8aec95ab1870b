import { hydrateRoot } from "react-dom/client";
import { Page } from "../runs.jsx";

const root = document.getElementById("root");
hydrateRoot(root, <Page {...JSON.parse(decodeURIComponent(window.given))} />);
