use core::cell::Cell;
use core::fmt;
use core::ops::Deref;

use crate::message::Header;
use crate::pool::Token;

/// A message as a step sees it: readable for as long as the step lasts.
pub struct Item<'s, P> {
    /// A shadow: the edge end keeps the token, so that a step can be undone.
    token: Token<'s, P>,
    sent_on: &'s Cell<bool>,
}

impl<'s, P> Item<'s, P> {
    #[inline]
    pub(crate) const fn new(token: Token<'s, P>, sent_on: &'s Cell<bool>) -> Self {
        Self { token, sent_on }
    }

    /// The header of the message.
    #[inline]
    pub fn header(&self) -> &Header {
        self.token.header()
    }

    #[inline]
    pub(crate) const fn token(&self) -> &Token<'s, P> {
        &self.token
    }

    /// Notes that the share goes elsewhere if the step commits.
    #[inline]
    pub(crate) fn send_on(self) -> Token<'s, P> {
        self.sent_on.set(true);
        self.token
    }
}

impl<P> Deref for Item<'_, P> {
    type Target = P;
    #[inline]
    fn deref(&self) -> &P {
        &self.token
    }
}

impl<P: fmt::Debug> fmt::Debug for Item<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Item").field(&**self).finish()
    }
}
