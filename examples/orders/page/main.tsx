/** Orders of a shop: a customer sees their own, staff see all and ship them. */

import { createKhalaClient } from "khala-client";
import { useKhalaStatus, useKhalaTopic } from "khala-client/react";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

interface Order {
  id: number;
  customer_id: number;
  article: string;
  cents: number;
  state: "open" | "shipped";
}
interface Customer {
  id: number;
  name: string;
}

const PEOPLE = { "1": "Ann", "2": "Bo", staff: "staff" };
const me = new URLSearchParams(location.search).get("as") ?? "1";
const khala = createKhalaClient({
  url: await (await fetch("/api/relay")).text(),
  token: async () => (await fetch(`/api/token?as=${me}`)).text(),
});
const orders = khala.topic<Order>("public.orders");
const customers = khala.topic<Customer>("public.customers");

const post = (path: string, query = "") =>
  fetch(`/api/${path}?as=${me}${query}`, { method: "POST" });

function Row({ order, name }: { order: Order; name?: string | undefined }) {
  return (
    <tr data-order={order.id}>
      <td>{order.id}</td>
      {name !== undefined && <td>{name}</td>}
      <td>{order.article}</td>
      <td>{(order.cents / 100).toFixed(2)} €</td>
      <td className={order.state}>{order.state}</td>
      {name !== undefined && (
        <td>
          {order.state === "open" && (
            <button type="button" onClick={() => void post(`orders/${order.id}/ship`)}>
              Ship
            </button>
          )}
        </td>
      )}
    </tr>
  );
}

/** The newest first. */
function useOrders() {
  const { data } = useKhalaTopic(orders);
  return data.map(({ payload }) => payload).sort((a, b) => b.id - a.id);
}

function OfCustomer() {
  return (
    <>
      <p>
        {["lamp", "bulb", "candle"].map((article) => (
          <button
            key={article}
            type="button"
            onClick={() => void post("orders", `&article=${article}`)}
          >
            Order a {article}
          </button>
        ))}
      </p>
      <table>
        <tbody>
          {useOrders().map((order) => (
            <Row key={order.id} order={order} />
          ))}
        </tbody>
      </table>
    </>
  );
}

function OfStaff() {
  // A join in the browser: both topics are live.
  const { data } = useKhalaTopic(customers);
  const names = new Map(data.map(({ payload }) => [payload.id, payload.name]));
  return (
    <table>
      <tbody>
        {useOrders().map((order) => (
          <Row key={order.id} order={order} name={names.get(order.customer_id) ?? "…"} />
        ))}
      </tbody>
    </table>
  );
}

function Shop() {
  const { state } = useKhalaStatus(khala);
  return (
    <>
      <nav>
        {Object.entries(PEOPLE).map(([id, name]) => (
          <a key={id} href={`?as=${id}`} aria-current={id === me ? "page" : undefined}>
            {name}
          </a>
        ))}
        <span className={state}>{state}</span>
      </nav>
      <h1>{me === "staff" ? "All orders" : "My orders"}</h1>
      {me === "staff" ? <OfStaff /> : <OfCustomer />}
    </>
  );
}

const root = document.getElementById("root");
if (root !== null) {
  createRoot(root).render(
    <StrictMode>
      <Shop />
    </StrictMode>,
  );
}
