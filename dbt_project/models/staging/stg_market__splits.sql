-- one row per symbol and split that is in force on the market date
select
    splits.symbol_id,
    splits.effective_date,
    splits.factor
from {{ source('market', 'splits') }} as splits
where splits.effective_date <= (select dates.market_date from {{ ref('stg_market__market_date') }} as dates)
