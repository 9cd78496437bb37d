-- Sixty days of orders; one in four is returned, which is known ten days after the order.
create schema shop;

create table shop.orders as
select
    i as order_id,
    hash(i, 'customer') % 150 as customer_id,
    hash(i, 'product') % 40 as product_id,
    timestamp '2025-01-01' + to_minutes(cast(i * 21 + hash(i, 'minute') % 20 as bigint)) as ordered_at,
    5 + hash(i, 'amount') % 200 as amount,
    hash(i, 'returned') % 4 = 0 as returned
from range(4000) numbers (i);

create table shop.prices as
select
    p as product_id,
    timestamp '2024-12-01' + to_hours(cast(n * 167 + hash(p, n) % 90 as bigint)) as valid_from,
    10 + hash(p, n, 'price') % 50 as price
from range(40) products (p), range(14) changes (n);

create table shop.corrections as
select
    order_id,
    amount + 7 as corrected_amount,
    ordered_at + to_hours(cast(5 + hash(order_id, 'correction') % 200 as bigint)) as corrected_at
from shop.orders
where hash(order_id, 'corrected') % 3 = 0;

create table shop.shipments as
select
    order_id,
    ordered_at + to_hours(cast(4 + hash(order_id, 'shipped') % 60 as bigint)) as shipped_at,
    ordered_at + to_hours(cast(70 + hash(order_id, 'delivered') % 90 as bigint)) as delivered_at
from shop.orders;

create table shop.visits as
select
    v as visit_id,
    hash(v, 'visitor') % 150 as customer_id,
    timestamp '2024-12-20' + to_minutes(cast(v * 11 as bigint)) as visited_at
from range(9000) visits (v);

create table shop.products as
select
    p as product_id,
    concat('C', hash(p, 'category') % 6) as category,
    1 + hash(p, 'weight') % 30 as weight_kg
from range(40) products (p);
