{#- At most this share (0 to 1) of the values is missing. -#}
{% test null_share_at_most(model, column_name, share) %}

select count(*) - count({{ column_name }}) as missing

from {{ model }}
having count(*) - count({{ column_name }}) > {{ share }} * count(*)

{% endtest %}
