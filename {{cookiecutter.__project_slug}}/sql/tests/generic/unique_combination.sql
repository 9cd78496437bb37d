{#- No two rows share the values of `columns`: the key of a model whose grain takes more than one column. -#}
{% test unique_combination(model, columns) %}

select {{ columns | join(', ') }}

from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1

{% endtest %}
