{# CTEs, the last of them `first_moves`: of the moves in `paired` those that are not themselves the way back of the move
   before. Where each of a row of moves is reversed by the next, they pair off from the first one: there, back, there,
   back. `paired` has symbol_id, day and is_reversed (by the symbol's next row). #}
{% macro first_moves_of_pairs() %}
linked as (
    select
        *,
        coalesce(lag(is_reversed) over (partition by symbol_id order by day), false) as is_way_back
    from paired
),

chained as (
    select
        *,
        sum((not is_way_back)::integer) over (
            partition by symbol_id
            order by day
            rows between unbounded preceding and current row
        ) as chain
    from linked
),

placed as (
    select
        *,
        row_number() over (partition by symbol_id, chain order by day) as place
    from chained
),

first_moves as (
    select * from placed
    where place % 2 = 1
)
{% endmacro %}
