{#- Values lie between `min` and `max`, both allowed; NaN and infinity never do. Null is not_null's business. -#}
{% test within(model, column_name, min='-1.7e308', max='1.7e308') %}

select {{ column_name }} as refused

from {{ model }}
where
    {{ column_name }} is not null
    and not (
        cast({{ column_name }} as {{ double() }}) >= {{ min }}
        and cast({{ column_name }} as {{ double() }}) <= {{ max }}
    )

{% endtest %}
