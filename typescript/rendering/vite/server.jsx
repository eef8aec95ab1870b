import { renderToString } from "react-dom/server";
import { Page } from "../runs.jsx";

export const render = (given) => renderToString(<Page {...given} />);
