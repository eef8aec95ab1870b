-- The tables of a shop, as it had them before Khala came.
CREATE TABLE public.customers (
    id integer PRIMARY KEY,
    shop text NOT NULL DEFAULT 'lumen',
    name text NOT NULL
);
CREATE TABLE public.orders (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shop text NOT NULL DEFAULT 'lumen',
    customer_id integer NOT NULL REFERENCES public.customers,
    article text NOT NULL,
    cents integer NOT NULL,
    state text NOT NULL DEFAULT 'open',
    ordered_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (customer_id, id)
);
INSERT INTO public.customers (id, name) VALUES (1, 'Ann'), (2, 'Bo'), (3, 'Chidi');
INSERT INTO public.orders (customer_id, article, cents, state)
VALUES (1, 'lamp', 4900, 'shipped'), (2, 'candle', 700, 'open'), (1, 'bulb', 300, 'open'), (3, 'lamp', 4900, 'open');
