{#- A moment that was recorded cannot lie ahead of the clock. -#}
{% test not_in_future(model, column_name) %}

select {{ column_name }} as refused

from {{ model }}
where cast({{ column_name }} as timestamp) > cast(current_timestamp as timestamp)

{% endtest %}
