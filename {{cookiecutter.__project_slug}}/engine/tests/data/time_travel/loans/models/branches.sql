select branch, issued, sum(bad) as bad, count(*) as loans from {{ ref('stg_loans') }} group by branch, issued
